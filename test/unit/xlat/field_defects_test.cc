// SPDX-License-Identifier: BSD-3-Clause
// Defects that other translators have shipped (public trackers); none may come back here.
#include "unit/xlat/fixture.h"

namespace isthmus::field_defects_test {
using namespace test;
using net::DropReason;
using xlat::Action;

TEST_CASE("field defect: the inner ICMP type is not taken from the outer one") {
  const Bytes in =
      ip4(kRouter4, kClient4).icmp4(3, 1).quote(ip4(kClient4, kServer4).icmp_echo(7, 1));
  CHECK(forwards({}, in,
                 ip6(kRouter6, kClient6)
                     .hop_limit(63)
                     .icmp6(1, 0)
                     .quote(ip6(kClient6, kServer6).icmp_echo(7, 1))) == "");
}

TEST_CASE("field defect: the outer source of a translated error is the router that sent it") {
  // Conflict C5; else traceroute names the target at every hop.
  const auto answer = Gateway{}(
      ip4(kRouter4, kClient4).icmp4(11, 0).quote(ip4(kClient4, kServer4).ttl(1).udp(1, 33434)));
  REQUIRE(answer.action == Action::kForward);
  const auto router = *net::parse_ip6(kRouter6);
  CHECK(std::equal(router.bytes.begin(), router.bytes.end(), answer.packet.begin() + 8));
}

TEST_CASE("field defect: the MTU of Fragmentation Needed is not off by 20") {
  const Bytes packet = ip4(kServer4, kClient4).df().tcp(80, 5000).payload(1460);
  CHECK(replies({}, packet, own_error4(kServer4, 3, 4, 1480, packet)) == "");
}

TEST_CASE("field defect: lowest-ipv6-mtu says nothing about DF set") {
  CHECK(forwards({}, ip4(kServer4, kClient4).df().tcp(80, 5000).payload(1440),
                 ip6(kServer6, kClient6).hop_limit(63).tcp(80, 5000).payload(1440)) == "");
}

TEST_CASE("field defect: extended errors that quote fewer than 128 bytes pass") {
  const Bytes quoted = ip4(kClient4, kServer4).ttl(1).udp(1, 33434).payload(12);
  const Bytes in =
      ip4(kRouter4, kClient4).icmp4(11, 0).quote(quoted).extension(mpls_extension(), 40);
  CHECK(Gateway{}(in).action == Action::kForward);
}

TEST_CASE("field defect: Packet Too Big with an absurd MTU does not underflow") {
  for (const uint32_t mtu : {0u, 1u, 5u, 19u, 20u, 27u, 28u}) {
    const Bytes in = ip6(kClient6, kServer6)
                         .icmp6(2, 0, mtu)
                         .quote(ip6(kServer6, kClient6).tcp(80, 5000).payload(1400), 1000);
    const auto answer = Gateway{}(in);
    REQUIRE(answer.action == Action::kForward);
    CHECK(answer.packet[26] * 256 + answer.packet[27] == 1260);
  }
}

TEST_CASE("field defect: short ICMPv6 errors are dropped, whatever they quote") {
  // A payload of 8 bytes: an ICMP header and no quote at all.
  CHECK(dropped({}, ip6(kClient6, kServer6).icmp6(1, 4)) == DropReason::kIcmpInner);
  for (int bytes = 0; bytes < 40; ++bytes) {
    for (const int fill : {0x00, 0x60, 0x45, 0xff}) {
      const Bytes quote(static_cast<std::size_t>(bytes), static_cast<uint8_t>(fill));
      CHECK(Gateway{}(ip6(kClient6, kServer6).icmp6(1, 4).payload(quote)).action == Action::kDrop);
      CHECK(Gateway{}(ip4(kRouter4, kClient4).icmp4(3, 3).payload(quote)).action == Action::kDrop);
    }
  }
}

TEST_CASE("field defect: UDP without checksum gets a true one, not ffff") {
  const Bytes zero = ip4(kServer4, kClient4).udp(53, 5000).payload("answer").zero_checksum();
  const auto answer = Gateway{}(zero);
  REQUIRE(answer.action == Action::kForward);
  CHECK(faults(answer.packet) == "");
  CHECK_FALSE((answer.packet[46] == 0xff && answer.packet[47] == 0xff));
}

TEST_CASE("field defect: later fragments are translated") {
  const auto whole = ip4(kServer4, kClient4).udp(53, 5000).payload(2000);
  const auto six = ip6(kServer6, kClient6).hop_limit(63).udp(53, 5000).payload(2000);
  CHECK(forwards({}, whole.slice(1200, 2000, 9), six.slice(1200, 2000, 9)) == "");
}

TEST_CASE("field defect: IPv4 links below 1260 get fragments with DF clear, not a stall") {
  Gateway gateway;
  gateway.path.mtu4 = 1200;
  const auto parts = gateway.send(ip6(kClient6, kServer6).tcp(5000, 80).payload(1220));
  REQUIRE(parts.size() == 2);
  for (const auto& part : parts) {
    CHECK(part.size() <= 1200);
    CHECK((part[6] & 0x40) == 0);
  }
}

TEST_CASE("field defect: the next hop's own MTU counts, tunnel or not") {
  Gateway gateway;
  gateway.path.mtu6 = 1400;
  const Bytes packet = ip4(kServer4, kClient4).df().tcp(80, 5000).payload(1360);
  CHECK(replies(gateway, packet, own_error4(kServer4, 3, 4, 1380, packet)) == "");
}

TEST_CASE("field defect: a corrupt UDP length is refused") {
  CHECK(dropped({}, ip4(kServer4, kClient4).udp(1, 2).payload(8).udp_length(400)) ==
        DropReason::kBadLength);
  CHECK(dropped({}, ip6(kClient6, kServer6).udp(1, 2).payload(8).udp_length(0)) ==
        DropReason::kBadLength);
}

}  // namespace isthmus::field_defects_test
