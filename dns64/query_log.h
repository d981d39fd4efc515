// SPDX-License-Identifier: BSD-3-Clause
// The query log: a line of text for each answer, or for one in so many.
//
// Theory of operation. Lines are gathered in a buffer of fixed size and written a few times a
// second, whole, to a file opened for appending. A line that finds no room is dropped and counted:
// answers do not wait for a disk. The file is opened again when it was moved away (logrotate).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "dns64/exchange.h"
#include "dns64/sockets.h"

namespace isthmus::dns64 {

class QueryLog {
 public:
  /// An empty path: no log.
  Status open(const std::string& path, uint32_t every);
  bool enabled() const { return !path_.empty(); }
  void add(const QueryRecord& record);
  /// Writes what has been gathered.
  void flush();
  uint64_t lost() const { return lost_; }

  static constexpr std::size_t kBuffer = 1 << 20;

 private:
  std::string path_;
  uint32_t every_ = 1;
  uint32_t seen_ = 0;
  Fd fd_;
  ino_t inode_ = 0;
  std::string buffer_;
  uint64_t lost_ = 0;
};

}  // namespace isthmus::dns64
