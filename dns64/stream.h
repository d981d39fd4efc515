// SPDX-License-Identifier: BSD-3-Clause
// DNS messages on a TCP stream (RFC 1035 4.2.2, RFC 7766 8): two octets of length, then the
// message.
#pragma once

#include <sys/types.h>

#include <cerrno>
#include <cstdint>
#include <span>
#include <vector>

#include "dns64/wire.h"

namespace isthmus::dns64 {

/// Cuts what was received into messages. A read costs what it brings: room is made once.
class StreamReader {
 public:
  /// Reads from `fd` once. False: end of stream or error.
  bool fill(int fd);
  /// The same by `receive`, which takes a place for octets and works like ::recv().
  template <class Receive>
  bool fill_by(Receive&& receive) {
    make_room();
    const ssize_t got = receive(std::span(buffer_).subspan(end_, kChunk));
    if (got > 0) end_ += static_cast<std::size_t>(got);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
  }
  /// Takes the next complete message; false if there is none. Valid until the next fill().
  bool next(Bytes& message);
  /// A message has begun but is not complete.
  bool partial() const { return end_ > at_; }

 private:
  static constexpr std::size_t kChunk = 16384;
  /// Of kChunk octets, behind what was received and not taken, which moves to the front.
  void make_room();

  std::vector<uint8_t> buffer_;  ///< only grows, so that no octet is cleared twice
  std::size_t at_ = 0;           ///< of the first octet not taken
  std::size_t end_ = 0;          ///< of what was received
};

/// Holds messages until the socket takes them.
class StreamWriter {
 public:
  void add(Bytes message);
  /// Writes what the socket takes. False: the connection is broken.
  bool flush(int fd);
  /// The same by `send`, which takes octets and works like ::send().
  template <class Send>
  bool flush_by(Send&& send) {
    while (!empty()) {
      const ssize_t sent = send(Bytes(buffer_).subspan(at_));
      if (sent < 0) return errno == EAGAIN || errno == EINTR || errno == ENOTCONN;
      at_ += static_cast<std::size_t>(sent);
    }
    return true;
  }
  bool empty() const { return at_ == buffer_.size(); }
  std::size_t size() const { return buffer_.size() - at_; }

 private:
  std::vector<uint8_t> buffer_;
  std::size_t at_ = 0;
};

}  // namespace isthmus::dns64
