// SPDX-License-Identifier: BSD-3-Clause
// RFC 7915 4.3, 5.3: the packet inside an ICMP error. RFC 4884: what may follow it.
#include "unit/xlat/fixture.h"

namespace isthmus::quote_test {
using namespace test;
using net::DropReason;

namespace {

// An error from the IPv4 side about a packet of ours, and what the client is to see.
Packet error4(uint8_t type = 11, uint8_t code = 0, uint32_t rest = 0) {
  return ip4(kRouter4, kClient4).icmp4(type, code, rest);
}
Packet error6_out(uint8_t type = 3, uint8_t code = 0, uint32_t rest = 0) {
  return ip6(kRouter6, kClient6).hop_limit(63).icmp6(type, code, rest);
}
Packet sent4() {
  return ip4(kClient4, kServer4).ttl(1);
}
Packet sent6() {
  return ip6(kClient6, kServer6).hop_limit(1);
}
// An error from the IPv6 side about a packet of the server's, and what the server is to see.
Packet error6(uint8_t type = 1, uint8_t code = 4, uint32_t rest = 0) {
  return ip6(kClient6, kServer6).icmp6(type, code, rest);
}
Packet error4_out(uint8_t type = 3, uint8_t code = 3, uint32_t rest = 0) {
  return ip4(kClient4, kServer4).ttl(63).id(0x1000).icmp4(type, code, rest);
}
Packet came4() {
  return ip4(kServer4, kClient4).ttl(1);
}
Packet came6() {
  return ip6(kServer6, kClient6).hop_limit(1);
}

}  // namespace

TEST_CASE("RFC 7915 4.3, 5.3: the quoted packet is translated, its hop limit kept") {
  struct {
    const char* name;
    Packet four, six;
  } rows[] = {
      {"udp", sent4().udp(5000, 53).payload("abc"), sent6().udp(5000, 53).payload("abc")},
      {"tcp", sent4().tcp(5000, 80).flags("S").seq(99).payload(31),
       sent6().tcp(5000, 80).flags("S").seq(99).payload(31)},
      {"echo keeps its own type", sent4().icmp_echo(7, 8).payload(40),
       sent6().icmp_echo(7, 8).payload(40)},
      {"echo reply", sent4().icmp_echo_reply(7, 8), sent6().icmp_echo_reply(7, 8)},
      {"other protocol", sent4().raw(132, pattern(20)), sent6().raw(132, pattern(20))},
      {"tos", sent4().tos(0x55).udp(1, 2), sent6().tos(0x55).udp(1, 2)},
      {"udp without checksum", sent4().udp(1, 2).payload(9).zero_checksum(),
       sent6().udp(1, 2).payload(9).zero_checksum()},
      {"first fragment", sent4().fragment(0, true, 0xbeef).udp(1, 2).payload(64),
       sent6().fragment(0, true, 0xbeef).udp(1, 2).payload(64)},
      {"later fragment", sent4().fragment(1480, false, 0xbeef).raw(17, pattern(64)),
       sent6().fragment(1480, false, 0xbeef).raw(17, pattern(64))},
  };
  for (const auto& row : rows) {
    INFO(row.name);
    CHECK(forwards({}, error4().quote(row.four), error6_out().quote(row.six)) == "");
  }
  struct {
    const char* name;
    Packet six, four;
  } back[] = {
      {"udp", came6().udp(53, 5000).payload("abc"), came4().udp(53, 5000).payload("abc")},
      {"tcp", came6().tcp(80, 5000).payload(31), came4().tcp(80, 5000).payload(31)},
      {"echo reply", came6().icmp_echo_reply(7, 8).payload(3),
       came4().icmp_echo_reply(7, 8).payload(3)},
      {"other protocol", came6().raw(132, pattern(20)), came4().raw(132, pattern(20))},
      {"extension headers", came6().hop_by_hop().dest_opts(16).udp(1, 2).payload(5),
       came4().udp(1, 2).payload(5)},
      {"first fragment", came6().fragment(0, true, 0x1234beef).udp(1, 2).payload(64),
       came4().fragment(0, true, 0xbeef).udp(1, 2).payload(64)},
      {"later fragment", came6().fragment(1400, true, 0x1234beef).raw(6, pattern(64)),
       came4().fragment(1400, true, 0xbeef).raw(6, pattern(64))},
      {"udp without checksum", came6().udp(1, 2).payload(4).zero_checksum(),
       came4().udp(1, 2).payload(4).zero_checksum()},
  };
  for (const auto& row : back) {
    INFO(row.name);
    CHECK(forwards({}, error6().quote(row.six), error4_out().quote(row.four)) == "");
  }
}

TEST_CASE("RFC 6146 3.7: ports and identifiers of the quoted packet are restored") {
  Gateway gateway;
  gateway.map_ports = true;
  const auto check4 = [&](const Packet& four, const Packet& six) {
    CHECK(forwards(gateway, error4().quote(four), error6_out().quote(six)) == "");
  };
  check4(sent4().udp(kPort4, 53).payload(5), sent6().udp(kPort6, 53).payload(5));
  check4(sent4().tcp(kPort4, 80).payload(5), sent6().tcp(kPort6, 80).payload(5));
  check4(sent4().icmp_echo(kPort4, 1).payload(5), sent6().icmp_echo(kPort6, 1).payload(5));
  CHECK(forwards(gateway, error6().quote(came6().udp(53, kPort6).payload(5)),
                 error4_out().quote(came4().udp(53, kPort4).payload(5))) == "");
  CHECK(forwards(gateway, error6().quote(came6().icmp_echo_reply(kPort6, 1)),
                 error4_out().quote(came4().icmp_echo_reply(kPort4, 1))) == "");
}

TEST_CASE("RFC 7915 5.3: inner lengths are the packet's, not the quote's") {
  // 28 and 48 bytes: what RFC 792 promises.
  for (const std::size_t l4 : {8u, 9u, 13u, 16u, 18u, 19u, 20u, 21u, 100u, 333u}) {
    INFO(l4 << " bytes of transport");
    for (const int kind : {0, 1, 2}) {
      const auto with = [&](Packet p) {
        if (kind == 0) return p.tcp(1, 2).payload(1300);
        return kind == 1 ? p.udp(1, 2).payload(1300) : p.icmp_echo(1, 2).payload(1300);
      };
      const Bytes four = with(sent4().df()), six = with(sent6());
      // A checksum that the quote does not reach is not adjusted.
      CHECK(forwards({}, error4().quote(four, 20 + l4), error6_out().quote(six, 40 + l4)) == "");
      const Bytes four_back = with(came4().df()), six_back = with(came6());
      CHECK(forwards({}, error6().quote(six_back, 40 + l4),
                     error4_out().quote(four_back, 20 + l4)) == "");
    }
  }
}

TEST_CASE("RFC 5508 3b: options of the quoted packet are traversed") {
  CHECK(forwards({},
                 error4().quote(sent4().options4(hex("070704000000000000")).udp(1, 2).payload(8)),
                 error6_out().quote(sent6().udp(1, 2).payload(8))) == "");
}

TEST_CASE("options of the outer packet are left out") {
  CHECK(forwards({}, error4().options4(hex("01010101")).quote(sent4().udp(1, 2).payload(8)),
                 error6_out().quote(sent6().udp(1, 2).payload(8))) == "");
  CHECK(forwards({}, error6().hop_by_hop().quote(came6().udp(1, 2).payload(8)),
                 error4_out().quote(came4().udp(1, 2).payload(8))) == "");
}

TEST_CASE("RFC 5508 3a: a wrong header checksum in the quote drops the error") {
  CHECK(dropped({}, error4().quote(sent4().bad_ip_checksum(1).udp(1, 2))) ==
        DropReason::kIcmpInner);
}

TEST_CASE("RFC 5508 3c: a wrong transport checksum in the quote stays wrong") {
  CHECK(forwards({}, error4().quote(sent4().udp(1, 2).payload(5).bad_checksum(0)),
                 error6_out().quote(sent6().udp(1, 2).payload(5))) == "");
  Gateway gateway;
  const auto answer = gateway(error4().quote(sent4().udp(1, 2).payload(5).bad_checksum(0x0101)));
  REQUIRE(answer.action == xlat::Action::kForward);
  CHECK(faults(answer.packet) == "");  // the outer one is right
}

TEST_CASE("RFC 6146 3.4, RFC 7915 4.3: an error inside an error is dropped") {
  CHECK(dropped({}, error4().quote(sent4().icmp4(3, 3).quote(came4().udp(1, 2)))) ==
        DropReason::kIcmpInner);
  CHECK(dropped({}, error6().quote(came6().icmp6(1, 4).quote(sent6().udp(1, 2)))) ==
        DropReason::kIcmpInner);
  CHECK(dropped({}, error4().quote(sent4().icmp4(13, 0).payload(12))) == DropReason::kIcmpInner);
}

TEST_CASE("quotes too short, of the wrong family, or mutilated are dropped") {
  const Bytes four = sent4().udp(1, 2).payload(8), six = came6().udp(1, 2).payload(8);
  for (std::size_t n = 0; n < 28; ++n) {
    CHECK(dropped({}, error4().quote(four, n)) == DropReason::kIcmpInner);
  }
  for (std::size_t n = 0; n < 48; ++n) {
    CHECK(dropped({}, error6().quote(six, n)) == DropReason::kIcmpInner);
  }
  CHECK(dropped({}, error4().quote(six)) == DropReason::kIcmpInner);
  CHECK(dropped({}, error6().quote(four)) == DropReason::kIcmpInner);
  CHECK(dropped({}, error4().quote(sent4().ip_length(27).udp(1, 2))) == DropReason::kIcmpInner);
  CHECK(dropped({}, error6().quote(came6().ip_length(7).udp(1, 2))) == DropReason::kIcmpInner);
}

TEST_CASE("RFC 7915 4.1: ICMPv4 errors from illegal sources are translated all the same") {
  for (const char* source : {"127.0.0.1", "10.1.1.1", "0.0.0.0", "240.0.0.1"}) {
    const auto mapped = net::to_string(Gateway{}.prefix.embed(*net::parse_ip4(source)));
    CHECK(forwards({}, ip4(source, kClient4).icmp4(11, 0).quote(sent4().udp(1, 2)),
                   ip6(mapped, kClient6).hop_limit(63).icmp6(3, 0).quote(sent6().udp(1, 2))) == "");
  }
}

TEST_CASE("errors about errors are never sent") {
  CHECK(dropped({}, error4().ttl(1).quote(sent4().udp(1, 2))) == DropReason::kHopLimit);
  CHECK(dropped({}, error6().hop_limit(1).quote(came6().udp(1, 2))) == DropReason::kHopLimit);
  CHECK(dropped({}, error4().options4(hex("830704c0000201")).quote(sent4().udp(1, 2))) ==
        DropReason::kSourceRoute);
  CHECK(dropped({}, error6().routing(1).quote(came6().udp(1, 2))) == DropReason::kSourceRoute);
}

TEST_CASE("fragments of ICMP errors are dropped") {
  CHECK(dropped({}, error4().quote(sent4().udp(1, 2).payload(600)).slice(0, 256, 1)) ==
        DropReason::kFragment);
  CHECK(dropped({}, error6().quote(came6().udp(1, 2).payload(600)).slice(0, 256, 1)) ==
        DropReason::kFragment);
}

TEST_CASE("RFC 4443 2.4 c: translated errors stay within 1280 bytes") {
  const auto four = sent4().df().udp(1, 2).payload(1472);
  const auto six = sent6().udp(1, 2).payload(1472);
  CHECK(forwards({}, error4().quote(four, 1500), error6_out().quote(six, 1232)) == "");
  CHECK(forwards({}, error4().quote(four, 548), error6_out().quote(six, 568)) == "");
}

TEST_CASE("conflict C14: ICMPv6 errors go on whole") {
  const auto four = came4().df().udp(1, 2).payload(1452);
  const auto six = came6().udp(1, 2).payload(1452);
  CHECK(forwards({}, error6().quote(six, 1232), error4_out().quote(four, 1212)) == "");
  // Not even a sender who breaks RFC 4443 makes us send more than fits DF clear.
  CHECK(forwards({}, error6().quote(six, 1452), error4_out().quote(four, 1232)) == "");
}

TEST_CASE("RFC 7915 5.1.1: an error too big for the IPv4 link is fragmented") {
  Gateway gateway;
  gateway.path.mtu4 = 600;
  const auto out = gateway.send(error6().quote(came6().udp(1, 2).payload(900)));
  const auto whole = error4_out().quote(came4().udp(1, 2).payload(900));
  REQUIRE(out.size() == 2);
  const auto id = static_cast<uint16_t>(out[0][4] << 8 | out[0][5]);
  CHECK(diff(whole.slice(0, 576, id), out[0]) == "");
  CHECK(diff(whole.slice(576, 576, id), out[1]) == "");
}

TEST_CASE("RFC 1624: the checksum of a translated error is moved, not remade") {
  const auto spoil = [](Bytes packet, std::size_t at) {
    const uint32_t sum = packet[at] * 256u + packet[at + 1] + 0x0123;
    const uint32_t folded = (sum & 0xffff) + (sum >> 16);
    packet[at] = static_cast<uint8_t>(folded >> 8);
    packet[at + 1] = static_cast<uint8_t>(folded);
    return packet;
  };
  const auto four = sent4().udp(1, 2).payload(1400), six = sent6().udp(1, 2).payload(1400);
  CHECK(forwards({}, spoil(error4().quote(four, 101), 22),
                 spoil(error6_out().quote(six, 121), 42)) == "");
  // Also where the quote is cut.
  CHECK(forwards({}, spoil(error4().quote(four, 1400), 22),
                 spoil(error6_out().quote(six, 1232), 42)) == "");
  CHECK(forwards({}, spoil(error4().quote(four, 128).extension(mpls_extension()), 22),
                 spoil(error6_out().quote(six, 148).extension(mpls_extension()), 42)) == "");
}

TEST_CASE("RFC 5508 3: the ICMP checksum of an error is checked over all of it") {
  const auto check = [](const Bytes& packet) {
    Buffer buffer(packet);
    net::PacketView view;
    REQUIRE(net::parse_ip(*buffer, view) == DropReason::kNone);
    return xlat::icmp_checksum_ok(*buffer, view);
  };
  const auto four = error4().quote(sent4().udp(1, 2).payload(33));
  const auto six = error6().hop_by_hop().quote(came6().udp(1, 2).payload(33));
  CHECK(check(four));
  CHECK(check(six));
  CHECK_FALSE(check(Packet(four).bad_checksum(0x0100)));
  CHECK_FALSE(check(Packet(six).bad_checksum(0x0100)));
  Bytes last = four.bytes();
  last.back() ^= 1;
  CHECK_FALSE(check(last));
}

}  // namespace isthmus::quote_test
