// SPDX-License-Identifier: BSD-3-Clause
// RFC 7915 4.1, 4.5, 5.1, 5.5: headers and transport, packet by packet.
#include "unit/xlat/fixture.h"

namespace isthmus::rewrite_test {
using namespace test;
using net::DropReason;

namespace {
Packet up() {
  return ip6(kClient6, kServer6);
}
Packet down() {
  return ip4(kServer4, kClient4);
}
Packet up4() {
  return ip4(kClient4, kServer4).ttl(63).id(0x1000);
}
Packet down6() {
  return ip6(kServer6, kClient6).hop_limit(63);
}
}  // namespace

TEST_CASE("RFC 7915 5.1: whole packets become IPv4, byte for byte") {
  const Bytes options = hex("020405b40101080a0000000100000000");
  struct {
    const char* name;
    Packet in, out;
  } rows[] = {
      {"udp", up().udp(5000, 53).payload("abc"), up4().udp(5000, 53).payload("abc")},
      {"empty udp", up().udp(1, 2), up4().udp(1, 2)},
      {"odd payload", up().udp(1, 2).payload(1), up4().udp(1, 2).payload(1)},
      {"tcp", up().tcp(5000, 80).flags("S").seq(7).tcp_options(options),
       up4().tcp(5000, 80).flags("S").seq(7).tcp_options(options)},
      {"tcp data", up().tcp(5000, 80).flags("PA").payload(1000),
       up4().tcp(5000, 80).flags("PA").payload(1000)},
      {"echo", up().icmp_echo(7, 9).payload(56), up4().icmp_echo(7, 9).payload(56)},
      {"echo reply", up().icmp_echo_reply(7, 9).payload(5), up4().icmp_echo_reply(7, 9).payload(5)},
      {"traffic class", up().traffic_class(0xb9).udp(1, 2), up4().tos(0xb9).udp(1, 2)},
      {"flow label is lost", up().flow_label(0xabcde).udp(1, 2), up4().udp(1, 2)},
      {"sctp", up().raw(132, pattern(40)), up4().raw(132, pattern(40))},
      {"gre", up().raw(47, pattern(9)), up4().raw(47, pattern(9))},
      {"esp", up().raw(50, pattern(33)), up4().raw(50, pattern(33))},
      {"ah", up().raw(51, pattern(24)), up4().raw(51, pattern(24))},
      {"no next header", up(), up4()},
      {"hop-by-hop", up().hop_by_hop().udp(1, 2).payload("x"), up4().udp(1, 2).payload("x")},
      {"destination options", up().dest_opts(24).tcp(1, 2), up4().tcp(1, 2)},
      {"routing, used up", up().routing(0, 2).udp(1, 2), up4().udp(1, 2)},
      {"a chain", up().hop_by_hop().dest_opts().routing(0).dest_opts(16).icmp_echo(1, 2),
       up4().icmp_echo(1, 2)},
  };
  for (const auto& row : rows) {
    for (const bool with_delta : {false, true}) {
      INFO(row.name << (with_delta ? ", with delta" : ""));
      Gateway gateway;
      gateway.with_delta = with_delta;
      CHECK(forwards(gateway, row.in, row.out) == "");
    }
  }
}

TEST_CASE("RFC 7915 4.1: whole packets become IPv6, byte for byte") {
  const Bytes record_route = hex("07070400000000");
  struct {
    const char* name;
    Packet in, out;
  } rows[] = {
      {"udp", down().udp(53, 5000).payload("abc"), down6().udp(53, 5000).payload("abc")},
      {"udp with DF", down().df().udp(53, 5000), down6().udp(53, 5000)},
      {"tcp", down().tcp(80, 5000).flags("SA").ack(8), down6().tcp(80, 5000).flags("SA").ack(8)},
      {"odd tcp data", down().tcp(80, 5000).payload(777), down6().tcp(80, 5000).payload(777)},
      {"echo", down().icmp_echo(7, 9).payload(56), down6().icmp_echo(7, 9).payload(56)},
      {"echo reply", down().icmp_echo_reply(7, 9).payload(1),
       down6().icmp_echo_reply(7, 9).payload(1)},
      {"tos", down().tos(0x2e).udp(1, 2), down6().traffic_class(0x2e).udp(1, 2)},
      {"sctp", down().raw(132, pattern(40)), down6().raw(132, pattern(40))},
      {"gre", down().raw(47, pattern(40)), down6().raw(47, pattern(40))},
      {"esp", down().raw(50, pattern(40)), down6().raw(50, pattern(40))},
      {"options are left out", down().options4(record_route).udp(1, 2).payload("x"),
       down6().udp(1, 2).payload("x")},
      {"options before echo", down().options4(hex("01010101")).icmp_echo(1, 2),
       down6().icmp_echo(1, 2)},
      {"source route, used up", down().options4(hex("830708c0000201")).tcp(1, 2),
       down6().tcp(1, 2)},
  };
  for (const auto& row : rows) {
    for (const bool with_delta : {false, true}) {
      INFO(row.name << (with_delta ? ", with delta" : ""));
      Gateway gateway;
      gateway.with_delta = with_delta;
      CHECK(forwards(gateway, row.in, row.out) == "");
    }
  }
}

TEST_CASE("RFC 6146 3.7: ports and identifiers are mapped") {
  for (const bool with_delta : {false, true}) {
    Gateway gateway;
    gateway.map_ports = true;
    gateway.with_delta = with_delta;
    CHECK(forwards(gateway, up().udp(kPort6, 53).payload("q"),
                   up4().udp(kPort4, 53).payload("q")) == "");
    CHECK(forwards(gateway, up().tcp(kPort6, 80), up4().tcp(kPort4, 80)) == "");
    CHECK(forwards(gateway, down().udp(53, kPort4), down6().udp(53, kPort6)) == "");
    CHECK(forwards(gateway, down().tcp(80, kPort4), down6().tcp(80, kPort6)) == "");
    CHECK(forwards(gateway, up().icmp_echo(kPort6, 3).payload(9),
                   up4().icmp_echo(kPort4, 3).payload(9)) == "");
    CHECK(forwards(gateway, down().icmp_echo_reply(kPort4, 3).payload(9),
                   down6().icmp_echo_reply(kPort6, 3).payload(9)) == "");
  }
}

TEST_CASE("RFC 7915 4.1, 5.1: the traffic class can be fixed, each way for itself") {
  Gateway gateway;
  gateway.policy.class_6to4 = {0, 0x10};
  for (const bool with_delta : {false, true}) {
    gateway.with_delta = with_delta;
    CHECK(forwards(gateway, up().tos(0xff).udp(1, 2), up4().tos(0x10).udp(1, 2)) == "");
    CHECK(forwards(gateway, down().tos(0xff).udp(1, 2), down6().tos(0xff).udp(1, 2)) == "");
  }
  gateway.policy.class_6to4 = {};
  gateway.policy.class_4to6 = {0, 0x20};
  for (const bool with_delta : {false, true}) {
    gateway.with_delta = with_delta;
    CHECK(forwards(gateway, up().tos(0xff).udp(1, 2), up4().tos(0xff).udp(1, 2)) == "");
    CHECK(forwards(gateway, down().tos(0xff).udp(1, 2), down6().tos(0x20).udp(1, 2)) == "");
  }
  CHECK(forwards(gateway, down().tos(0xff).icmp_echo(1, 2), down6().tos(0x20).icmp_echo(1, 2)) ==
        "");
}

TEST_CASE("RFC 3168 5.3: a fixed traffic class can leave the ECN bits alone") {
  Gateway gateway;
  gateway.policy.class_6to4 = {xlat::kEcnBits, 0x10};
  gateway.policy.class_4to6 = {xlat::kEcnBits, 0x20};
  for (const uint8_t ecn : {0, 1, 2, 3}) {
    const auto in = static_cast<uint8_t>(0xfc | ecn);
    CHECK(forwards(gateway, up().tos(in).udp(1, 2),
                   up4().tos(static_cast<uint8_t>(0x10 | ecn)).udp(1, 2)) == "");
    CHECK(forwards(gateway, down().tos(in).udp(1, 2),
                   down6().tos(static_cast<uint8_t>(0x20 | ecn)).udp(1, 2)) == "");
  }
}

TEST_CASE("RFC 7915 4.1, 5.1: hop limit is decremented once") {
  Gateway gateway;
  CHECK(forwards(gateway, up().hop_limit(255).udp(1, 2), up4().ttl(254).udp(1, 2)) == "");
  CHECK(forwards(gateway, up().hop_limit(2).icmp_echo(1, 2), up4().ttl(1).icmp_echo(1, 2)) == "");
  CHECK(forwards(gateway, down().ttl(2).udp(1, 2), down6().hop_limit(1).udp(1, 2)) == "");
}

TEST_CASE("RFC 7915 4.1, 5.1: hop limit reaching zero is answered") {
  Gateway gateway;
  for (const uint8_t hops : {uint8_t{0}, uint8_t{1}}) {
    const Bytes six = up().hop_limit(hops).udp(1, 2).payload(20);
    CHECK(replies(gateway, six, own_error6(kClient6, 3, 0, 0, six)) == "");
    const Bytes four = down().ttl(hops).udp(1, 2).payload(20);
    CHECK(replies(gateway, four, own_error4(kServer4, 11, 0, 0, four)) == "");
    const Bytes echo = down().ttl(hops).icmp_echo(1, 2);
    CHECK(replies(gateway, echo, own_error4(kServer4, 11, 0, 0, echo)) == "");
  }
  CHECK(gateway(up().hop_limit(1).udp(1, 2)).reason == DropReason::kHopLimit);
}

TEST_CASE("RFC 7757 4.2.2: the second half of a hairpin keeps the hop limit") {
  Gateway gateway;
  gateway.hints.keep_hop_limit = true;
  for (const bool with_delta : {false, true}) {
    gateway.with_delta = with_delta;
    CHECK(forwards(gateway, down().ttl(1).udp(1, 2), down6().hop_limit(1).udp(1, 2)) == "");
    CHECK(forwards(gateway, up().hop_limit(9).tcp(1, 2), up4().ttl(9).tcp(1, 2)) == "");
  }
}

TEST_CASE("RFC 7915 4.1: illegal IPv4 sources are dropped silently") {
  for (const char* source : {"0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.255", "224.0.0.1",
                             "239.1.1.1", "240.0.0.1", "255.255.255.255"}) {
    INFO(source);
    CHECK(dropped({}, ip4(source, kClient4).udp(1, 2)) == DropReason::kIllegalSource);
    CHECK(dropped({}, ip4(source, kClient4).ttl(1).udp(1, 2)) == DropReason::kIllegalSource);
  }
  for (const char* source : {"1.0.0.1", "10.0.0.1", "126.1.1.1", "128.0.0.1", "223.255.255.255"}) {
    INFO(source);
    CHECK(dropped({}, ip4(source, kClient4).udp(1, 2)) == DropReason::kNone);
  }
}

TEST_CASE("RFC 7915 5.1: illegal IPv6 sources are dropped silently") {
  for (const char* source : {"::", "::1", "::ffff:192.0.2.1", "ff02::1", "fe80::1", "febf::1"}) {
    INFO(source);
    CHECK(dropped({}, ip6(source, kServer6).udp(1, 2)) == DropReason::kIllegalSource);
    CHECK(dropped({}, ip6(source, kServer6).hop_limit(1).udp(1, 2)) == DropReason::kIllegalSource);
    CHECK(dropped({}, ip6(source, kServer6).icmp6(1, 4).quote(ip6(kServer6, source).udp(1, 2))) ==
          DropReason::kIllegalSource);
  }
}

TEST_CASE("RFC 7915 4.1: unexpired source routes are discarded and answered 3/5") {
  for (const char* options :
       {"830704c0000201", "890704c0000201", "01830704c0000201", "830b08c0000201c0000202"}) {
    const Bytes packet = down().options4(hex(options)).udp(1, 2);
    CHECK(replies({}, packet, own_error4(kServer4, 3, 5, 0, packet)) == "");
  }
}

TEST_CASE("RFC 7915 5.1: Segments Left not zero is answered 4/0 pointing at it") {
  const Bytes first = up().routing(1).udp(1, 2);
  CHECK(replies({}, first, own_error6(kClient6, 4, 0, 43, first)) == "");
  const Bytes later = up().hop_by_hop(16).routing(2, 2).udp(1, 2);
  CHECK(replies({}, later, own_error6(kClient6, 4, 0, 59, later)) == "");
}

TEST_CASE("RFC 7915 4.2: IGMP and other single-hop messages are dropped silently") {
  CHECK(dropped({}, down().raw(2, hex("11640000e0000001"))) == DropReason::kProtocol);
  for (const int type : {6, 9, 10, 13, 14, 15, 16, 17, 18, 30, 42, 255}) {
    INFO(type);
    CHECK(dropped({}, down().icmp4(static_cast<uint8_t>(type), 0)) ==
          DropReason::kIcmpUntranslatable);
  }
  for (const int type : {130, 131, 132, 133, 134, 135, 136, 137, 138, 143, 200, 255}) {
    INFO(type);
    CHECK(dropped({}, up().icmp6(static_cast<uint8_t>(type), 0).payload(20)) ==
          DropReason::kIcmpUntranslatable);
  }
}

TEST_CASE("protocols that mean something else in the other family are not carried over") {
  for (const int protocol : {0, 43, 44, 58, 60}) {
    INFO(protocol);
    CHECK(dropped({}, down().raw(static_cast<uint8_t>(protocol), pattern(16))) ==
          DropReason::kProtocol);
  }
  CHECK(dropped({}, up().raw(1, pattern(16))) == DropReason::kProtocol);
}

TEST_CASE("RFC 7915 4.2, 5.2: any code of an echo becomes 0") {
  CHECK(forwards({}, down().icmp4(8, 3, 0x00070009), down6().icmp6(128, 0, 0x00070009)) == "");
  CHECK(forwards({}, up().icmp6(129, 9, 0x00070009), up4().icmp4(0, 0, 0x00070009)) == "");
}

TEST_CASE("RFC 7915 4.5: IPv4 UDP without checksum follows the policy") {
  const Packet plain = down().udp(53, 5000).payload(33);
  const Bytes zero = down().udp(53, 5000).payload(33).zero_checksum();
  Gateway gateway;
  CHECK(forwards(gateway, zero, down6().udp(53, 5000).payload(33)) == "");
  gateway.map_ports = true;
  CHECK(forwards(gateway, down().udp(53, kPort4).zero_checksum(), down6().udp(53, kPort6)) == "");
  gateway.policy.udp_zero_4to6 = xlat::UdpZero::kDrop;
  CHECK(dropped(gateway, zero) == DropReason::kUdpZeroChecksum);
  gateway.policy.udp_zero_4to6 = xlat::UdpZero::kForward;
  CHECK(forwards(gateway, zero, down6().udp(53, 5000).payload(33).zero_checksum()) == "");
  CHECK(forwards(gateway, plain, down6().udp(53, 5000).payload(33)) == "");
}

TEST_CASE("RFC 768: a computed checksum of zero is sent as ffff") {
  // Pick the payload word so that everything sums to ffff.
  for (unsigned word = 0; word < 65536; ++word) {
    const Bytes payload{static_cast<uint8_t>(word >> 8), static_cast<uint8_t>(word)};
    const Bytes six = down6().udp(53, 5000).payload(payload);
    if (six[46] != 0xff || six[47] != 0xff) continue;
    CHECK(forwards({}, down().udp(53, 5000).payload(payload).zero_checksum(), six) == "");
    CHECK(forwards({}, down().udp(53, 5000).payload(payload), six) == "");
    return;
  }
  FAIL("no such payload");
}

TEST_CASE("RFC 7915 4.5: a fragment of UDP without checksum cannot be summed and is dropped") {
  const auto whole = down().udp(53, 5000).payload(2000).zero_checksum();
  CHECK(dropped({}, whole.slice(0, 1000, 5)) == DropReason::kUdpZeroChecksum);
}

TEST_CASE("conflict C20: IPv6 UDP without checksum is dropped, or let through") {
  const Bytes zero = up().udp(1, 2).payload(7).zero_checksum();
  Gateway gateway;
  CHECK(dropped(gateway, zero) == DropReason::kUdpZeroChecksum);
  gateway.policy.udp_zero_6to4 = xlat::UdpZero::kForward;
  CHECK(forwards(gateway, zero, up4().udp(1, 2).payload(7).zero_checksum()) == "");
  gateway.policy.udp_zero_6to4 = xlat::UdpZero::kCompute;
  CHECK(forwards(gateway, zero, up4().udp(1, 2).payload(7)) == "");
}

TEST_CASE("RFC 1624: a wrong checksum stays wrong by the same amount") {
  for (const uint16_t error : {uint16_t{0x0001}, uint16_t{0x1234}, uint16_t{0x8000}}) {
    // The error is added to the one's complement sum, so that it survives unchanged.
    const auto spoil = [&](Bytes packet, std::size_t at) {
      const uint32_t sum = packet[at] * 256u + packet[at + 1] + error;
      const uint32_t folded = (sum & 0xffff) + (sum >> 16);
      packet[at] = static_cast<uint8_t>(folded >> 8);
      packet[at + 1] = static_cast<uint8_t>(folded);
      return packet;
    };
    CHECK(forwards({}, spoil(up().udp(1, 2).payload(9), 46),
                   spoil(up4().udp(1, 2).payload(9), 26)) == "");
    CHECK(forwards({}, spoil(up().tcp(1, 2).payload(9), 56),
                   spoil(up4().tcp(1, 2).payload(9), 36)) == "");
    CHECK(forwards({}, spoil(up().icmp_echo(1, 2), 42), spoil(up4().icmp_echo(1, 2), 22)) == "");
    CHECK(forwards({}, spoil(down().udp(1, 2), 26), spoil(down6().udp(1, 2), 46)) == "");
    CHECK(forwards({}, spoil(down().tcp(1, 2), 36), spoil(down6().tcp(1, 2), 56)) == "");
    CHECK(forwards({}, spoil(down().icmp_echo(1, 2), 22), spoil(down6().icmp_echo(1, 2), 42)) ==
          "");
  }
}

TEST_CASE("link padding behind the packet is not translated") {
  CHECK(forwards({}, Bytes(up().udp(1, 2)) + pattern(18), up4().udp(1, 2)) == "");
  CHECK(forwards({}, Bytes(down().udp(1, 2)) + pattern(18), down6().udp(1, 2)) == "");
}

TEST_CASE("RFC 7915 5.1: identifications come from the generator") {
  Gateway gateway;
  const Bytes packet = up().udp(1, 2);
  CHECK(diff(up4().id(0x1000).udp(1, 2), gateway(packet).packet) == "");
  CHECK(diff(up4().id(0x1001).udp(1, 2), gateway(packet).packet) == "");
  gateway.with_delta = true;
  CHECK(diff(up4().id(0x1002).udp(1, 2), gateway(packet).packet) == "");
}

TEST_CASE("RFC 791 3.1: no fragments that would make more than 65535 bytes, header included") {
  Gateway gateway;
  const auto last = [&](uint16_t length) {
    return gateway(ip6(kClient6, kServer6).raw(17, pattern(length)).fragment(65504, false, 9));
  };
  CHECK(last(11).action == xlat::Action::kForward);
  CHECK(last(12).reason == DropReason::kBadLength);
  CHECK(last(12).action == xlat::Action::kDrop);
}

TEST_CASE("a buffer without headroom is refused, not overrun") {
  for (const uint16_t headroom : {uint16_t{0}, uint16_t{19}}) {
    for (const bool with_delta : {false, true}) {
      Gateway gateway;
      gateway.with_delta = with_delta;
      Buffer udp(down().udp(1, 2), headroom, 0);
      CHECK(gateway.translate(udp).reason == DropReason::kNoBuffer);
      Buffer error(down().icmp4(3, 3).quote(ip4(kClient4, kServer4).udp(1, 2)), headroom, 0);
      CHECK(gateway.translate(error).reason == DropReason::kNoBuffer);
    }
  }
}

}  // namespace isthmus::rewrite_test
