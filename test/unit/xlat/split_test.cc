// SPDX-License-Identifier: BSD-3-Clause
// RFC 791 3.2, RFC 8200 4.5: fragments.
#include "unit/xlat/fixture.h"

namespace isthmus::split_test {
using namespace test;

namespace {

std::vector<Bytes> split(const Bytes& packet, uint16_t mtu) {
  Buffer buffer(packet);
  xlat::Splitter splitter(*buffer, mtu);
  std::vector<Bytes> out;
  while (const uint32_t length = splitter.next_length()) {
    REQUIRE(out.size() < 10000);
    out.emplace_back(length);
    splitter.write_next(out.back().data());
  }
  return out;
}

}  // namespace

TEST_CASE("IPv4 packets split to every MTU") {
  const auto whole = ip4(kServer4, kClient4).id(77).tos(3).udp(1, 2).payload(3000);
  for (const int mtu : {28, 68, 576, 1000, 1001, 1007, 1008, 1499, 1500}) {
    INFO("mtu " << mtu);
    const auto parts = split(whole, static_cast<uint16_t>(mtu));
    const std::size_t step = static_cast<std::size_t>(mtu - 20) / 8 * 8;
    CHECK(parts.size() == (3008 + step - 1) / step);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      CHECK(parts[i].size() <= static_cast<std::size_t>(mtu));
      CHECK(diff(whole.slice(i * step, step, 77), parts[i]) == "");
    }
  }
}

TEST_CASE("IPv6 packets split behind their fragment header") {
  const auto whole = ip6(kServer6, kClient6).udp(1, 2).payload(3000);
  const auto atomic = ip6(kServer6, kClient6).fragment(0, false, 0x1234).udp(1, 2).payload(3000);
  for (const int mtu : {1280, 1281, 1400, 1500}) {
    const auto parts = split(atomic, static_cast<uint16_t>(mtu));
    const std::size_t step = static_cast<std::size_t>(mtu - 48) / 8 * 8;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      CHECK(diff(whole.slice(i * step, step, 0x1234), parts[i]) == "");
    }
  }
}

TEST_CASE("a fragment splits into fragments of the same datagram") {
  const auto four = ip4(kServer4, kClient4).udp(1, 2).payload(3000);
  const auto first = split(four.slice(0, 1480, 5), 1000);
  REQUIRE(first.size() == 2);
  CHECK(diff(four.slice(0, 976, 5), first[0]) == "");
  CHECK(diff(four.slice(976, 504, 5), first[1]) == "");
  const auto last = split(four.slice(1480, 3000, 5), 1000);
  REQUIRE(last.size() == 2);
  CHECK(diff(four.slice(1480, 976, 5), last[0]) == "");
  CHECK(diff(four.slice(2456, 3000, 5), last[1]) == "");
}

TEST_CASE("a packet that fits is one piece, and an empty one none") {
  const auto whole = ip4(kServer4, kClient4).id(5).udp(1, 2).payload(100);
  const auto parts = split(whole, 1500);
  REQUIRE(parts.size() == 1);
  CHECK(diff(whole, parts[0]) == "");
  CHECK(split(ip4(kServer4, kClient4).raw(17), 1500).empty());
}

TEST_CASE("an absurd MTU ends all the same") {
  CHECK(split(ip4(kServer4, kClient4).udp(1, 2).payload(100), 0).size() == 14);
}

}  // namespace isthmus::split_test
