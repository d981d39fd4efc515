// SPDX-License-Identifier: BSD-3-Clause
// DNS messages on a TCP stream (RFC 1035 4.2.2, RFC 7766 8): two octets of length, then the
// message.
#pragma once

#include <cstdint>
#include <vector>

#include "dns64/wire.h"

namespace isthmus::dns64 {

/// Cuts what was received into messages.
class StreamReader {
 public:
  /// Reads from `fd` once. False: end of stream or error.
  bool fill(int fd);
  /// Takes the next complete message; false if there is none. Valid until the next fill().
  bool next(Bytes& message);
  /// A message has begun but is not complete.
  bool partial() const { return buffer_.size() > at_; }

 private:
  std::vector<uint8_t> buffer_;
  std::size_t at_ = 0;
};

/// Holds messages until the socket takes them.
class StreamWriter {
 public:
  void add(Bytes message);
  /// Writes what the socket takes. False: the connection is broken.
  bool flush(int fd);
  bool empty() const { return at_ == buffer_.size(); }
  std::size_t size() const { return buffer_.size() - at_; }

 private:
  std::vector<uint8_t> buffer_;
  std::size_t at_ = 0;
};

}  // namespace isthmus::dns64
