// SPDX-License-Identifier: BSD-3-Clause
// RFC 1071, RFC 1624, against the builder's plain code and the RFCs' own examples.
#include "net/checksum.h"

#include <vector>

#include "catch.h"
#include "packets/builder.h"

using namespace isthmus::net;
using isthmus::test::Bytes;
using isthmus::test::pattern;
using isthmus::test::plain_checksum;

TEST_CASE("RFC 1071 3: the example sums to ddf2") {
  const Bytes bytes = isthmus::test::hex("00 01 f2 03 f4 f5 f6 f7");
  CHECK(byte_swap(fold(sum_bytes(bytes.data(), bytes.size()))) == 0xddf2);
}

TEST_CASE("RFC 1624 4: the example that equation 2 gets wrong") {
  // HC = 0xDD2F, m = 0x5555, m' = 0x3285: HC' = 0x0000, not 0xFFFF.
  const auto delta = ChecksumDelta::between(Be16(0x5555).raw(), Be16(0x3285).raw());
  CHECK(delta.apply(Be16(0xdd2f)).host() == 0x0000);
}

TEST_CASE("RFC 1624 3: every delta does to a checksum what equation 3 says") {
  const auto by_the_letter = [](uint32_t checksum, uint32_t delta) {
    const uint32_t sum = (~checksum & 0xffff) + delta;
    return static_cast<uint16_t>(~((sum & 0xffff) + (sum >> 16)));
  };
  unsigned wrong = 0;
  for (uint32_t checksum :
       {0u, 1u, 2u, 0xfeu, 0xffu, 0x100u, 0x7fffu, 0x8000u, 0xff00u, 0xfffeu, 0xffffu}) {
    for (uint32_t delta = 0; delta <= 0xffff; ++delta) {
      const auto applied = ChecksumDelta::from_raw(static_cast<uint16_t>(delta))
                               .apply(Be16::from_raw(static_cast<uint16_t>(checksum)));
      const auto turned = ChecksumDelta::from_raw(static_cast<uint16_t>(checksum))
                              .apply(Be16::from_raw(static_cast<uint16_t>(delta)));
      wrong += applied.raw() != by_the_letter(checksum, delta);
      wrong += turned.raw() != by_the_letter(delta, checksum);
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("one's complement sums of long words keep every carry") {
  constexpr uint64_t kAll = ~uint64_t{0};
  CHECK(add_around(1, 2) == 3);
  CHECK(add_around(kAll, 1) == 1);
  CHECK(add_around(kAll, kAll) == kAll);
  CHECK(fold(add_around(0xffff000000000000, 0x0001000000000000)) == 1);
}

TEST_CASE("sums of every length and alignment agree with plain code") {
  const Bytes bytes = pattern(80, 0x37);
  for (std::size_t from = 0; from < 4; ++from) {
    for (std::size_t length = 0; length <= 70; ++length) {
      const Bytes part(bytes.begin() + static_cast<long>(from),
                       bytes.begin() + static_cast<long>(from + length));
      CHECK(checksum_of(sum_bytes(bytes.data() + from, length)).host() == plain_checksum(part));
    }
  }
  const Bytes ones(65535, 0xff);
  CHECK(checksum_of(sum_bytes(ones.data(), ones.size())).host() == plain_checksum(ones));
}

TEST_CASE("folding loses no carry") {
  CHECK(fold(0) == 0);
  CHECK(fold(0xffff) == 0xffff);
  CHECK(fold(0x10000) == 1);
  CHECK(fold(0xffffffffffffffff) == 0xffff);
  CHECK(fold(0xfffffffffffffffe) == 0xfffe);
  CHECK(fold(0x0001ffff0001fffe) == 1);
}

TEST_CASE("pseudo-headers are summed as written (RFC 768, RFC 8200 8.1)") {
  const auto a4 = *parse_ip4("192.0.2.1"), b4 = *parse_ip4("198.51.100.2");
  const Bytes four = isthmus::test::hex("c0000201 c6336402 00 11 1234");
  CHECK(checksum_of(pseudo_sum4(a4, b4, 17, 0x1234)).host() == plain_checksum(four));
  const auto a6 = *parse_ip6("2001:db8::1"), b6 = *parse_ip6("64:ff9b::c633:6402");
  const Bytes six = isthmus::test::hex(
      "20010db8000000000000000000000001 0064ff9b0000000000000000c6336402 00012345 0000003a");
  CHECK(checksum_of(pseudo_sum6(a6, b6, 58, 0x12345)).host() == plain_checksum(six));
}

TEST_CASE("deltas add up, and the negation undoes") {
  const auto a = ChecksumDelta::between(0x1234, 0xfedc);
  const auto b = ChecksumDelta::between(0xaaaa, 0x0001);
  for (const uint16_t sum : {0x0001, 0x1234, 0x8000, 0xfffe}) {
    const Be16 checksum(sum);
    CHECK((a + b).apply(checksum) == b.apply(a.apply(checksum)));
    CHECK((-a).apply(a.apply(checksum)) == checksum);
    CHECK(ChecksumDelta{}.apply(checksum) == checksum);
    CHECK(ChecksumDelta::from_raw(a.raw()).apply(checksum) == a.apply(checksum));
  }
}

TEST_CASE("RFC 768: an updated UDP checksum is never sent as zero") {
  const auto delta = ChecksumDelta::between(Be16(0x5555).raw(), Be16(0x3285).raw());
  CHECK(delta.apply_udp(Be16(0xdd2f)).host() == 0xffff);
  CHECK(delta.apply_udp(Be16(0xdd30)).host() == delta.apply(Be16(0xdd30)).host());
}
