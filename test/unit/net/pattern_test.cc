// SPDX-License-Identifier: BSD-3-Clause
#include "net/pattern.h"

#include "catch.h"

using isthmus::net::Pattern;

namespace {

Pattern::Octets counted(uint8_t first) {
  Pattern::Octets out{};
  for (unsigned i = 0; i < out.size(); ++i) out[i] = static_cast<uint8_t>(first + i);
  return out;
}

}  // namespace

TEST_CASE("a pattern holds what agrees in all bits of its mask, and nothing else") {
  const auto octets = counted(0xa0);
  Pattern::Octets mask{};
  mask[0] = 0xff, mask[7] = 0x0f, mask[15] = 0x80;
  const Pattern pattern(octets, mask);
  CHECK(pattern.holds(octets.data()));
  for (unsigned at = 0; at < octets.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      auto other = octets;
      other[at] = static_cast<uint8_t>(other[at] ^ 1u << bit);
      CHECK(pattern.holds(other.data()) == ((mask[at] >> bit & 1) == 0));
    }
  }
}

TEST_CASE("a pattern may be how something begins") {
  const auto octets = counted(1);
  for (unsigned count = 0; count <= octets.size(); ++count) {
    const auto pattern = Pattern::begins(octets, count);
    for (unsigned at = 0; at < octets.size(); ++at) {
      auto other = octets;
      other[at] ^= 1;
      CHECK(pattern.holds(other.data()) == (at >= count));
    }
  }
}

TEST_CASE("nothing is like the empty pattern") {
  const Pattern empty;
  for (const uint8_t octet : {0x00, 0x01, 0xff}) {
    Pattern::Octets octets;
    octets.fill(octet);
    CHECK_FALSE(empty.holds(octets.data()));
  }
}
