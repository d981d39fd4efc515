// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/stream.h"

#include <sys/socket.h>

#include <cerrno>

namespace isthmus::dns64 {

bool StreamReader::fill(int fd) {
  constexpr std::size_t kChunk = 16384;
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(at_));
  at_ = 0;
  const std::size_t had = buffer_.size();
  buffer_.resize(had + kChunk);
  const ssize_t got = ::recv(fd, buffer_.data() + had, kChunk, 0);
  const int error = errno;
  buffer_.resize(had + (got > 0 ? static_cast<std::size_t>(got) : 0));
  return got > 0 || (got < 0 && (error == EAGAIN || error == EINTR));
}

bool StreamReader::next(Bytes& message) {
  const Bytes rest = Bytes(buffer_).subspan(at_);
  if (rest.size() < 2) return false;
  const std::size_t size = get16(rest, 0);
  if (rest.size() < 2 + size) return false;
  at_ += 2 + size;
  message = rest.subspan(2, size);
  return true;
}

void StreamWriter::add(Bytes message) {
  if (empty()) {
    buffer_.clear();
    at_ = 0;
  }
  buffer_.push_back(static_cast<uint8_t>(message.size() >> 8));
  buffer_.push_back(static_cast<uint8_t>(message.size()));
  buffer_.insert(buffer_.end(), message.begin(), message.end());
}

bool StreamWriter::flush(int fd) {
  while (!empty()) {
    const ssize_t sent = ::send(fd, buffer_.data() + at_, buffer_.size() - at_, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR || errno == ENOTCONN;
    at_ += static_cast<std::size_t>(sent);
  }
  return true;
}

}  // namespace isthmus::dns64
