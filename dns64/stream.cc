// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/stream.h"

#include <sys/socket.h>

#include <algorithm>

namespace isthmus::dns64 {

bool StreamReader::fill(int fd) {
  return fill_by([fd](std::span<uint8_t> out) { return ::recv(fd, out.data(), out.size(), 0); });
}

void StreamReader::make_room() {
  std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(at_),
            buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
  end_ -= at_;
  at_ = 0;
  if (buffer_.size() < end_ + kChunk) buffer_.resize(end_ + kChunk);
}

bool StreamReader::next(Bytes& message) {
  const Bytes rest = Bytes(buffer_).subspan(at_, end_ - at_);
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
  return flush_by([fd](Bytes data) { return ::send(fd, data.data(), data.size(), MSG_NOSIGNAL); });
}

}  // namespace isthmus::dns64
