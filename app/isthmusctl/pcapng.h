// SPDX-License-Identifier: BSD-3-Clause
// A file of captured packets: pcapng (draft-ietf-opsawg-pcapng), with a comment on each packet.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "net/result.h"

namespace isthmus::ctl {

struct CapturedPacket {
  std::string interface;
  bool is_frame = false;  ///< begins with an Ethernet header; else with the IP header
  uint64_t unix_ns = 0;
  uint32_t length = 0;  ///< of the whole packet
  std::span<const uint8_t> bytes;
  std::string comment;
  enum class Direction : uint8_t { kUnknown, kIn, kOut } direction = Direction::kUnknown;
};

class PcapngFile {
 public:
  /// Makes the file, or empties it. "-" is standard output.
  static Result<std::unique_ptr<PcapngFile>> make(const std::string& path,
                                                  const std::string& application);

  /// After an error, a full disk for one, the file ends with the packet before.
  Status add(const CapturedPacket& packet);
  /// Whatever is not on the disk yet.
  Status flush();
  uint64_t bytes() const { return written_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const;
  };
  explicit PcapngFile(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}
  Status write(const std::string& block);
  Result<uint32_t> interface_of(const CapturedPacket& packet);

  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
  std::map<std::pair<std::string, bool>, uint32_t> interfaces_;
  uint64_t written_ = 0;
};

}  // namespace isthmus::ctl
