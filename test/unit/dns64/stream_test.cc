// SPDX-License-Identifier: BSD-3-Clause
// Messages on a TCP stream, however it is cut.
#include "dns64/stream.h"

#include <algorithm>
#include <string>

#include "catch.h"

namespace isthmus::dns64::stream_test {
namespace {

using Octets = std::vector<uint8_t>;

/// A stream of messages of these sizes, each filled with its number.
Octets stream_of(const std::vector<std::size_t>& sizes) {
  Octets out;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    out.push_back(static_cast<uint8_t>(sizes[i] >> 8));
    out.push_back(static_cast<uint8_t>(sizes[i]));
    out.insert(out.end(), sizes[i], static_cast<uint8_t>(i + 1));
  }
  return out;
}

}  // namespace

TEST_CASE("RFC 7766 8: messages come whole out of a stream that is cut anywhere") {
  const std::vector<std::size_t> sizes{0, 1, 12, 255, 256, 16383, 16384, 16385, 65535, 30};
  const Octets stream = stream_of(sizes);
  const std::size_t cut = GENERATE(1u, 2u, 3u, 100u, 16384u);
  StreamReader reader;
  std::size_t sent = 0, seen = 0;
  while (sent < stream.size()) {
    REQUIRE(reader.fill_by([&](std::span<uint8_t> out) {
      const auto size = std::min({cut, out.size(), stream.size() - sent});
      std::copy_n(stream.begin() + static_cast<std::ptrdiff_t>(sent), size, out.begin());
      sent += size;
      return static_cast<ssize_t>(size);
    }));
    Bytes message;
    while (reader.next(message)) {
      REQUIRE(seen < sizes.size());
      CHECK(message.size() == sizes[seen]);
      const auto letter = static_cast<uint8_t>(++seen);
      CHECK(std::all_of(message.begin(), message.end(), [&](uint8_t o) { return o == letter; }));
    }
  }
  CHECK(seen == sizes.size());
  CHECK_FALSE(reader.partial());
}

TEST_CASE("stream: a read that brings little does not clear the room for much") {
  StreamReader reader;
  const auto receive = [](std::span<uint8_t> out) {
    std::fill(out.begin(), out.end(), uint8_t{0xaa});
    out[0] = 0;
    out[1] = 1;
    return ssize_t{3};
  };
  REQUIRE(reader.fill_by(receive));
  Bytes message;
  REQUIRE(reader.next(message));
  std::size_t cleared = 0;
  REQUIRE(reader.fill_by([&](std::span<uint8_t> out) {
    CHECK(out.size() == 16384);
    cleared = static_cast<std::size_t>(std::count(out.begin() + 2, out.end(), uint8_t{0}));
    return receive(out);
  }));
  CHECK(cleared == 0);
}

TEST_CASE("stream: the end and errors of a read") {
  StreamReader reader;
  const auto failing = [](int error) {
    return [error](std::span<uint8_t>) {
      errno = error;
      return ssize_t{-1};
    };
  };
  CHECK(reader.fill_by(failing(EAGAIN)));
  CHECK(reader.fill_by(failing(EINTR)));
  CHECK_FALSE(reader.fill_by(failing(ECONNRESET)));
  CHECK_FALSE(reader.fill_by([](std::span<uint8_t>) { return ssize_t{0}; }));
  CHECK_FALSE(reader.partial());
}

}  // namespace isthmus::dns64::stream_test
