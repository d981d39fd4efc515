// SPDX-License-Identifier: BSD-3-Clause
// RFC 7915 4, 4.1, 5, 5.1.1: DF, fragments, and packets that do not fit.
#include "unit/xlat/fixture.h"

namespace isthmus::size_test {
using namespace test;
using net::DropReason;
using xlat::Action;

namespace {

std::vector<std::size_t> sizes(const std::vector<Bytes>& packets) {
  std::vector<std::size_t> out;
  for (const auto& packet : packets) out.push_back(packet.size());
  return out;
}

/// An IPv4 UDP packet of `total_length` bytes.
Packet down(int total_length) {
  return ip4(kServer4, kClient4).id(0xbeef).udp(53, 5000).payload(total_length - 28);
}
Packet down6(int udp_payload) {
  return ip6(kServer6, kClient6).hop_limit(63).udp(53, 5000).payload(udp_payload);
}
/// An IPv6 UDP packet of `total_length` bytes.
Packet up(int total_length) {
  return ip6(kClient6, kServer6).udp(5000, 53).payload(total_length - 48);
}
Packet up4(int udp_payload) {
  return ip4(kClient4, kServer4).ttl(63).id(0x1000).udp(5000, 53).payload(udp_payload);
}

Gateway lowest(uint16_t mtu) {
  Gateway gateway;
  gateway.policy.lowest_ipv6_mtu = mtu;
  return gateway;
}

}  // namespace

TEST_CASE("RFC 7915 4.1: DF clear is fragmented to lowest-ipv6-mtu") {
  using V = std::vector<std::size_t>;
  struct {
    int total_length;
    uint16_t lowest;
    V out;
  } rows[] = {
      {100, 1280, {120}},        {1260, 1280, {1280}},
      {1261, 1280, {1280, 57}},  {1500, 1280, {1280, 296}},
      {1480, 1500, {1500}},      {1481, 1500, {1496, 61}},
      {1500, 1500, {1496, 80}},  {9000, 1280, {1280, 1280, 1280, 1280, 1280, 1280, 1280, 404}},
      {1492, 1280, {1280, 288}},
  };
  for (const auto& row : rows) {
    INFO(row.total_length << " bytes, lowest " << row.lowest);
    for (const bool with_delta : {false, true}) {
      Gateway gateway = lowest(row.lowest);
      gateway.with_delta = with_delta;
      const auto out = gateway.send(down(row.total_length));
      CHECK(sizes(out) == row.out);
      if (row.out.size() == 1) {
        CHECK(diff(down6(row.total_length - 28), out.at(0)) == "");  // MUST NOT have a header
        continue;
      }
      const std::size_t step = row.out[0] - 48;
      for (std::size_t i = 0; i < out.size(); ++i) {
        CHECK(diff(down6(row.total_length - 28).slice(i * step, step, 0xbeef), out[i]) == "");
      }
    }
  }
}

TEST_CASE("RFC 7915 4.1: lowest-ipv6-mtu never exceeds the next hop's MTU") {
  Gateway gateway = lowest(1500);
  gateway.path.mtu6 = 1400;
  CHECK(sizes(gateway.send(down(1500))) == std::vector<std::size_t>{1400, 176});
}

TEST_CASE("RFC 7915 4.1: DF set ignores lowest-ipv6-mtu") {
  for (const uint16_t mtu : {uint16_t{1280}, uint16_t{1500}}) {
    for (const int length : {1261, 1400, 1480}) {
      CHECK(forwards(lowest(mtu), down(length).df(), down6(length - 28)) == "");
    }
  }
}

TEST_CASE("RFC 7915 4.1: DF set and too big is answered with Fragmentation Needed") {
  struct {
    int total_length;
    uint16_t mtu6;
    uint32_t reported;
  } rows[] = {{1481, 1500, 1480}, {1500, 1500, 1480}, {1500, 1280, 1260}, {9000, 1500, 1480}};
  for (const auto& row : rows) {
    Gateway gateway;
    gateway.path.mtu6 = row.mtu6;
    const Bytes packet = down(row.total_length).df();
    CHECK(replies(gateway, packet, own_error4(kServer4, 3, 4, row.reported, packet)) == "");
    CHECK(gateway(packet).reason == DropReason::kTooBig);
  }
  SECTION("a fragment with DF set grows by 28") {
    const Bytes fragment = down(3000).df().slice(0, 1456, 0xbeef);
    REQUIRE(fragment.size() == 1476);
    CHECK(replies({}, fragment, own_error4(kServer4, 3, 4, 1472, fragment)) == "");
    const Bytes fits = down(3000).df().slice(0, 1448, 0xbeef);
    CHECK(forwards({}, fits, down6(3000 - 28).slice(0, 1448, 0xbeef)) == "");
  }
  SECTION("RFC 1812 4.3.2.7: never about a later fragment") {
    CHECK(dropped({}, down(3000).df().slice(1480, 1480, 0xbeef)) == DropReason::kTooBig);
  }
  SECTION("the total length counts, options included") {
    const Bytes packet = down(1480).options4(hex("01010101")).df();
    CHECK(replies({}, packet, own_error4(kServer4, 3, 4, 1480, packet)) == "");
  }
}

TEST_CASE("RFC 7915 4.1: fragments keep offset, M and identification") {
  const auto whole = down(2500);
  const auto six = down6(2500 - 28);
  CHECK(forwards({}, whole.slice(0, 1000, 0xbeef), six.slice(0, 1000, 0xbeef)) == "");
  CHECK(forwards({}, whole.slice(1000, 1000, 0xbeef), six.slice(1000, 1000, 0xbeef)) == "");
  CHECK(forwards({}, whole.slice(2000, 1000, 0xbeef), six.slice(2000, 1000, 0xbeef)) == "");
  SECTION("and are split further") {
    Gateway gateway;
    const auto out = gateway.send(whole.slice(0, 1480, 0xbeef));
    REQUIRE(out.size() == 2);
    CHECK(diff(six.slice(0, 1232, 0xbeef), out[0]) == "");
    CHECK(diff(six.slice(1232, 248, 0xbeef), out[1]) == "");
    const auto last = gateway.send(whole.slice(1200, 1480, 0xbeef));
    REQUIRE(last.size() == 2);
    CHECK(diff(six.slice(1200, 1232, 0xbeef), last[0]) == "");
    CHECK(diff(six.slice(2432, 1000, 0xbeef), last[1]) == "");
  }
}

TEST_CASE("RFC 7915 5.1: DF is clear up to 1260 bytes") {
  for (const bool with_delta : {false, true}) {
    Gateway gateway;
    gateway.with_delta = with_delta;
    CHECK(forwards(gateway, up(100), up4(52)) == "");
    CHECK(forwards(gateway, up(1280), up4(1232)) == "");
    CHECK(forwards(gateway, up(1281), up4(1233).df()) == "");
    CHECK(forwards(gateway, up(1500), up4(1452).df()) == "");
  }
  // The translated length decides, not the length on the IPv6 side.
  CHECK(forwards({}, up(1280).dest_opts(40), up4(1232)) == "");
}

TEST_CASE("RFC 7915 5.1.1: fragment headers become IPv4 fragments with DF clear") {
  const auto whole = up(3000);
  const auto four = up4(3000 - 48);
  CHECK(forwards({}, whole.slice(0, 1400, 0x1234beef), four.slice(0, 1400, 0xbeef)) == "");
  CHECK(forwards({}, whole.slice(1400, 1400, 0x1234beef), four.slice(1400, 1400, 0xbeef)) == "");
  CHECK(forwards({}, whole.slice(2800, 1400, 0x1234beef), four.slice(2800, 1400, 0xbeef)) == "");
  SECTION("RFC 6946: an atomic fragment too") {
    const Bytes atomic = up(500).fragment(0, false, 0x1234beef);
    CHECK(forwards({}, atomic, up4(452).id(0xbeef)) == "");
  }
  SECTION("behind other extension headers") {
    const Bytes packet = up(500).hop_by_hop().fragment(0, true, 0x5678);
    CHECK(forwards({}, packet, up4(452).fragment(0, true, 0x5678)) == "");
  }
  SECTION("a fragmented extension header SHOULD be dropped") {
    for (const int next : {0, 43, 44, 51, 60}) {
      INFO(next);
      const auto type = static_cast<uint8_t>(next);
      for (const uint16_t offset : {uint16_t{0}, uint16_t{8}}) {
        CHECK(
            dropped({}, ip6(kClient6, kServer6).fragment(offset, true, 1).raw(type, pattern(32))) ==
            DropReason::kExtHeader);
      }
    }
  }
  SECTION("ESP is none") {
    CHECK(forwards({}, ip6(kClient6, kServer6).fragment(0, true, 1).raw(50, pattern(32)),
                   ip4(kClient4, kServer4).ttl(63).fragment(0, true, 1).raw(50, pattern(32))) ==
          "");
  }
}

TEST_CASE("RFC 7915 5.1.1: up to 1280 bytes the translator fragments in IPv4") {
  Gateway gateway;
  gateway.path.mtu4 = 1000;
  const auto out = gateway.send(up(1280));
  REQUIRE(sizes(out) == std::vector<std::size_t>{996, 284});
  const auto id = static_cast<uint16_t>(out[0][4] << 8 | out[0][5]);
  CHECK(diff(up4(1232).slice(0, 976, id), out[0]) == "");
  CHECK(diff(up4(1232).slice(976, 976, id), out[1]) == "");
  SECTION("a first fragment is split further, and keeps M on all") {
    const auto parts = gateway.send(up(3000).slice(0, 1232, 0xbeef));
    REQUIRE(parts.size() == 2);
    CHECK(diff(up4(2952).slice(0, 976, 0xbeef), parts[0]) == "");
    CHECK(diff(up4(2952).slice(976, 256, 0xbeef), parts[1]) == "");
  }
}

TEST_CASE("RFC 7915 5.1: more than 1280 bytes and too big is answered with Packet Too Big") {
  struct {
    int total_length;
    uint16_t mtu4;
    uint32_t reported;
  } rows[] = {{1500, 1400, 1420},
              {1300, 1200, 1280},
              {1281, 1000, 1280},
              {9000, 1500, 1520},
              {1421, 1400, 1420}};
  for (const auto& row : rows) {
    INFO(row.total_length << " to " << row.mtu4);
    Gateway gateway;
    gateway.path.mtu4 = row.mtu4;
    const Bytes packet = up(row.total_length);
    CHECK(replies(gateway, packet, own_error6(kClient6, 2, 0, row.reported, packet)) == "");
  }
  Gateway gateway;
  gateway.path.mtu4 = 1400;
  CHECK(gateway(up(1420)).action == Action::kForward);
  const Bytes fragment = up(3000).slice(0, 1448, 7);
  CHECK(replies(gateway, fragment, own_error6(kClient6, 2, 0, 1420, fragment)) == "");
}

TEST_CASE("IPv6 packets longer than any IPv4 packet are answered, not wrapped") {
  Gateway gateway;
  gateway.path.mtu4 = 65535;
  const Bytes packet = up(40 + 65535);
  CHECK(replies(gateway, packet, own_error6(kClient6, 2, 0, 65555, packet)) == "");
  CHECK(gateway(up(40 + 65515)).action == Action::kForward);
  gateway.path.mtu6 = 65535;
  const auto big = down(65515).df();
  CHECK(gateway(big).action == Action::kForward);
}

TEST_CASE("RFC 7915 1.2: fragments of ICMP are not translated by themselves") {
  const auto four = ip4(kServer4, kClient4).icmp_echo(1, 2).payload(3000);
  const auto six = ip6(kClient6, kServer6).icmp_echo(1, 2).payload(3000);
  for (const std::size_t offset : {0u, 1480u}) {
    CHECK(dropped({}, four.slice(offset, 1480, 1)) == DropReason::kFragment);
    CHECK(dropped({}, six.slice(offset, 1232, 1)) == DropReason::kFragment);
  }
  SECTION("but with the message's length known") {
    Gateway gateway = lowest(1500);
    gateway.hints.icmp_length = 3008;
    const auto four_out = ip4(kClient4, kServer4).ttl(63).icmp_echo(1, 2).payload(3000);
    const auto six_out = ip6(kServer6, kClient6).hop_limit(63).icmp_echo(1, 2).payload(3000);
    for (const std::size_t offset : {0u, 1200u, 2400u}) {
      CHECK(forwards(gateway, six.slice(offset, 1200, 0xbeef),
                     four_out.slice(offset, 1200, 0xbeef)) == "");
      CHECK(forwards(gateway, four.slice(offset, 1200, 0xbeef),
                     six_out.slice(offset, 1200, 0xbeef)) == "");
    }
  }
  SECTION("a whole message that must be split has a true checksum") {
    Gateway gateway;
    const auto out = gateway.send(ip4(kServer4, kClient4).id(5).icmp_echo(1, 2).payload(1472));
    const auto six_out = ip6(kServer6, kClient6).hop_limit(63).icmp_echo(1, 2).payload(1472);
    REQUIRE(out.size() == 2);
    CHECK(diff(six_out.slice(0, 1232, 5), out[0]) == "");
    CHECK(diff(six_out.slice(1232, 248, 5), out[1]) == "");
  }
}

}  // namespace isthmus::size_test
