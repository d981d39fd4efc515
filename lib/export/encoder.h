// SPDX-License-Identifier: BSD-3-Clause
// From events to the messages that a collector understands.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "export/record.h"

namespace isthmus::exporter {

/// Messages one behind the other; over UDP each is a datagram.
class Output {
 public:
  struct Message {
    std::span<const uint8_t> bytes;
    uint32_t records = 0;
  };

  void add(std::span<const uint8_t> bytes, uint32_t records) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    ends_.push_back({bytes_.size(), records});
  }
  void clear() {
    bytes_.clear();
    ends_.clear();
  }
  std::size_t size() const { return ends_.size(); }
  Message message(std::size_t i) const {
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1].at;
    return {std::span(bytes_).subspan(begin, ends_[i].at - begin), ends_[i].records};
  }

 private:
  struct End {
    std::size_t at;
    uint32_t records;
  };
  std::vector<uint8_t> bytes_;
  std::vector<End> ends_;
};

class Encoder {
 public:
  virtual ~Encoder() = default;
  /// A connection was made: what comes next are its first messages.
  virtual void begin() = 0;
  /// Events in `out` as messages, behind what has to be said first.
  virtual void encode(std::span<const Item> items, const conf::Config& config, double now_s,
                      Output& out) = 0;
  /// Whether a message makes sense on another connection than the one it was made for.
  virtual bool keeps() const = 0;
};

}  // namespace isthmus::exporter
