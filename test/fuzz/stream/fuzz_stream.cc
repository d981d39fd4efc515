// SPDX-License-Identifier: BSD-3-Clause
// Fuzzes the framing of DNS over TCP (RFC 7766 8): however a stream comes in pieces, its messages
// are those of the whole, and written in pieces they make the same stream again.
//
// Input: an octet that decides the pieces, then the stream.
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "dns64/stream.h"

namespace {

using isthmus::dns64::Bytes;
using Octets = std::vector<uint8_t>;

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

/// Sizes of pieces; 0: the socket has nothing, or takes nothing.
class Pieces {
 public:
  explicit Pieces(uint8_t seed) : state_(seed) {}
  std::size_t next() {
    state_ = state_ * 1664525u + 1013904223u;
    const unsigned size = (state_ >> 24) % 7;
    return size < 6 ? size : (state_ >> 8) % 4000;
  }

 private:
  uint32_t state_;
};

std::vector<Octets> split(Bytes stream, std::size_t& rest) {
  std::vector<Octets> messages;
  std::size_t at = 0;
  while (stream.size() - at >= 2) {
    const std::size_t size = static_cast<std::size_t>(stream[at] << 8 | stream[at + 1]);
    if (stream.size() - at - 2 < size) break;
    const Bytes message = stream.subspan(at + 2, size);
    messages.emplace_back(message.begin(), message.end());
    at += 2 + size;
  }
  rest = stream.size() - at;
  return messages;
}

std::vector<Octets> read(Bytes stream, Pieces pieces, bool& partial) {
  isthmus::dns64::StreamReader reader;
  std::vector<Octets> messages;
  std::size_t at = 0;
  while (at < stream.size()) {
    const bool open = reader.fill_by([&](std::span<uint8_t> out) -> ssize_t {
      const std::size_t size = std::min({pieces.next(), out.size(), stream.size() - at});
      if (size == 0) {
        errno = EAGAIN;
        return -1;
      }
      std::copy_n(stream.begin() + static_cast<std::ptrdiff_t>(at), size, out.begin());
      at += size;
      return static_cast<ssize_t>(size);
    });
    require(open, "a stream that goes on was taken for ended");
    Bytes message;
    while (reader.next(message)) messages.emplace_back(message.begin(), message.end());
  }
  partial = reader.partial();
  return messages;
}

Octets write(const std::vector<Octets>& messages, Pieces pieces) {
  isthmus::dns64::StreamWriter writer;
  Octets out;
  const auto send = [&](Bytes octets) -> ssize_t {
    const std::size_t size = std::min(pieces.next(), octets.size());
    if (size == 0) {
      errno = EAGAIN;
      return -1;
    }
    out.insert(out.end(), octets.begin(), octets.begin() + static_cast<std::ptrdiff_t>(size));
    return static_cast<ssize_t>(size);
  };
  for (const Octets& message : messages) {
    writer.add(message);
    require(writer.flush_by(send), "a connection that stands was taken for broken");
  }
  while (!writer.empty()) require(writer.flush_by(send), "the same at the end");
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Bytes stream(data + 1, size - 1);
  const Pieces pieces(data[0]);
  std::size_t rest = 0;
  const auto expected = split(stream, rest);
  bool partial = false;
  const auto messages = read(stream, pieces, partial);
  require(messages == expected, "other messages in pieces than in one");
  require(partial == (rest > 0), "a message that has begun was overlooked");
  const Octets again = write(messages, pieces);
  require(std::equal(again.begin(), again.end(), stream.begin(),
                     stream.end() - static_cast<std::ptrdiff_t>(rest)),
          "written, it is another stream");
  return 0;
}
