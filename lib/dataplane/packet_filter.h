// SPDX-License-Identifier: BSD-3-Clause
// A pcap expression, compiled.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "net/result.h"

namespace isthmus::dataplane {

class PacketFilter {
 public:
  enum class Link : uint8_t {
    kEthernet,
    kNone
  };  ///< what packets begin with; kNone: their IP header

  static Result<PacketFilter> make(const std::string& expression, Link link);
  ~PacketFilter();
  PacketFilter(PacketFilter&&) noexcept;
  PacketFilter& operator=(PacketFilter&&) noexcept;

  /// Bounded by the length of the program, which cannot loop.
  bool matches(const uint8_t* bytes, uint32_t available, uint32_t length) const;

 private:
  struct Program;
  explicit PacketFilter(std::unique_ptr<Program> program);
  std::unique_ptr<Program> program_;
};

}  // namespace isthmus::dataplane
