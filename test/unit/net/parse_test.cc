// SPDX-License-Identifier: BSD-3-Clause
// From bytes to a view: what is found where, and every way to be refused.
#include "net/parse.h"

#include "catch.h"
#include "packets/buffer.h"

using namespace isthmus::net;
using namespace isthmus::test;

namespace {

struct Parsed {
  DropReason reason;
  PacketView view;
  uint32_t length;
};

Parsed parse(const Bytes& packet, Extent extent = Extent::kWhole) {
  Buffer buffer(packet, 0, 0);
  Parsed out{};
  out.reason = parse_ip(*buffer, out.view, extent);
  out.length = buffer->length;
  return out;
}

DropReason refused(const Bytes& packet) {
  return parse(packet).reason;
}

Packet four() {
  return ip4("192.0.2.1", "198.51.100.2");
}
Packet six() {
  return ip6("2001:db8::1", "64:ff9b::1");
}

}  // namespace

TEST_CASE("ports, flags and offsets are where they are") {
  auto p = parse(four().tcp(1000, 80).flags("SA").payload(5));
  REQUIRE(p.reason == DropReason::kNone);
  CHECK(p.view.family == 4);
  CHECK(p.view.payload == Payload::kTcp);
  CHECK(p.view.protocol == 6);
  CHECK(p.view.source_port.host() == 1000);
  CHECK(p.view.destination_port.host() == 80);
  CHECK(p.view.tcp_flags == (kTcpSyn | kTcpAck));
  CHECK(p.view.l4_offset == 20);
  CHECK(p.view.total_length == 45);
  CHECK(p.view.l4_length() == 25);
  CHECK_FALSE(p.view.is_fragment());

  p = parse(six().hop_by_hop().dest_opts(24).udp(7, 9));
  REQUIRE(p.reason == DropReason::kNone);
  CHECK(p.view.family == 6);
  CHECK(p.view.payload == Payload::kUdp);
  CHECK(p.view.protocol == 17);
  CHECK(p.view.l4_offset == 72);
  CHECK_FALSE(p.view.has_fragment_header);

  p = parse(four().options4(hex("0101010101")).icmp_echo(77, 1));
  REQUIRE(p.reason == DropReason::kNone);
  CHECK(p.view.payload == Payload::kIcmpQuery);
  CHECK(p.view.source_port.host() == 77);
  CHECK(p.view.destination_port.host() == 77);
  CHECK(p.view.icmp_type == 8);
  CHECK(p.view.l4_offset == 28);
}

TEST_CASE("kinds of payload") {
  const auto kind = [](const Bytes& packet) { return parse(packet).view.payload; };
  for (int type = 0; type < 256; ++type) {
    const auto t = static_cast<uint8_t>(type);
    const bool error4 = type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
    CHECK(kind(four().icmp4(t, 0)) == (type == 0 || type == 8 ? Payload::kIcmpQuery
                                       : error4               ? Payload::kIcmpError
                                                              : Payload::kIcmpOther));
    CHECK(kind(six().icmp6(t, 0)) == (type == 128 || type == 129 ? Payload::kIcmpQuery
                                      : type < 128               ? Payload::kIcmpError
                                                                 : Payload::kIcmpOther));
  }
  CHECK(kind(four().raw(132)) == Payload::kOther);
  CHECK(kind(six()) == Payload::kOther);
  // The other family's ICMP is just another protocol.
  CHECK(kind(four().raw(58, pattern(8))) == Payload::kOther);
  CHECK(kind(six().raw(1, pattern(8))) == Payload::kOther);
}

TEST_CASE("fragments") {
  const auto whole4 = four().udp(1, 2).payload(100);
  auto p = parse(whole4.slice(0, 64, 0xbeef));
  REQUIRE(p.reason == DropReason::kNone);
  CHECK(p.view.payload == Payload::kUdp);
  CHECK(p.view.is_first_fragment());
  CHECK(p.view.fragment_id == 0xbeef);
  p = parse(whole4.slice(64, 64, 0xbeef));
  REQUIRE(p.reason == DropReason::kNone);
  CHECK(p.view.payload == Payload::kFragment);
  CHECK(p.view.fragment_offset == 64);
  CHECK_FALSE(p.view.more_fragments);
  CHECK(p.view.is_fragment());

  const auto whole6 = six().hop_by_hop().udp(1, 2).payload(100);
  p = parse(whole6.slice(0, 64, 0x12345678));
  REQUIRE(p.reason == DropReason::kNone);
  CHECK(p.view.has_fragment_header);
  CHECK(p.view.fragment_header == 48);
  CHECK(p.view.l4_offset == 56);
  CHECK(p.view.fragment_id == 0x12345678);
  CHECK(p.view.is_first_fragment());
  p = parse(whole6.slice(64, 64, 1));
  REQUIRE(p.reason == DropReason::kNone);
  CHECK(p.view.payload == Payload::kFragment);
  CHECK(p.view.protocol == 17);
  p = parse(six().fragment(0, false, 1).udp(1, 2));  // RFC 6946: atomic
  REQUIRE(p.reason == DropReason::kNone);
  CHECK(p.view.payload == Payload::kUdp);
  CHECK_FALSE(p.view.is_fragment());
  // A later fragment is not looked into, whatever its bytes.
  CHECK(refused(six().fragment(8, true, 1).raw(17, hex("00"))) == DropReason::kNone);
}

TEST_CASE("RFC 6146 3.4: the transport header must be in the first fragment") {
  const auto tcp = four().tcp(1, 2).tcp_options(pattern(20)).payload(100);
  CHECK(refused(tcp.slice(0, 16, 1)) == DropReason::kTruncated);
  CHECK(refused(tcp.slice(0, 24, 1)) == DropReason::kNone);  // options may be cut
  CHECK(refused(six().udp(1, 2).payload(100).slice(0, 8, 1)) == DropReason::kNone);
}

TEST_CASE("RFC 791 3.2, RFC 8200 4.5: no fragment reaches beyond 65535 bytes") {
  CHECK(refused(four().fragment(65528, false, 1).raw(17, pattern(7))) == DropReason::kNone);
  CHECK(refused(four().fragment(65528, false, 1).raw(17, pattern(8))) == DropReason::kBadLength);
  CHECK(refused(six().fragment(65528, false, 1).raw(17, pattern(7))) == DropReason::kNone);
  CHECK(refused(six().fragment(65528, false, 1).raw(17, pattern(8))) == DropReason::kBadLength);
}

TEST_CASE("lengths that contradict each other") {
  CHECK(refused({}) == DropReason::kTruncated);
  CHECK(refused(hex("00")) == DropReason::kBadVersion);
  CHECK(refused(hex("50")) == DropReason::kBadVersion);
  Bytes packet = four().udp(1, 2).payload(8);
  packet[0] = 0x44;  // IHL 4
  CHECK(refused(packet) == DropReason::kBadLength);
  packet[0] = 0x4f;  // IHL 15, packet of 36
  CHECK(refused(packet) == DropReason::kBadLength);
  CHECK(refused(four().ip_length(19).udp(1, 2)) == DropReason::kBadLength);
  CHECK(refused(four().ip_length(29).udp(1, 2)) == DropReason::kTruncated);
  CHECK(refused(six().ip_length(9).udp(1, 2)) == DropReason::kTruncated);
  CHECK(refused(four().udp(1, 2).udp_length(7)) == DropReason::kBadLength);
  CHECK(refused(four().udp(1, 2).udp_length(9)) == DropReason::kBadLength);
  CHECK(refused(six().udp(1, 2).udp_length(9)) == DropReason::kBadLength);
  CHECK(refused(six().udp(1, 2).payload(9).udp_length(16)) == DropReason::kNone);
  CHECK(refused(four().raw(17, pattern(7))) == DropReason::kTruncated);
  CHECK(refused(four().raw(1, pattern(7))) == DropReason::kTruncated);
  CHECK(refused(six().raw(58, pattern(7))) == DropReason::kTruncated);
  CHECK(refused(six().raw(6, pattern(19))) == DropReason::kTruncated);
  Bytes tcp = four().tcp(1, 2);
  tcp[32] = 0x40;  // data offset 4
  CHECK(refused(tcp) == DropReason::kBadLength);
  tcp[32] = 0x60;  // data offset 6, segment of 20
  CHECK(refused(tcp) == DropReason::kBadLength);
}

TEST_CASE("an IPv4 header with a wrong checksum is refused") {
  CHECK(refused(four().bad_ip_checksum(1).udp(1, 2)) == DropReason::kBadChecksum4);
  CHECK(parse(four().bad_ip_checksum(1).udp(1, 2), Extent::kQuoted).reason == DropReason::kNone);
}

TEST_CASE("link padding is trimmed") {
  CHECK(parse(Bytes(four().udp(1, 2)) + pattern(18)).length == 28);
  CHECK(parse(Bytes(six().udp(1, 2)) + pattern(3)).length == 48);
}

TEST_CASE("RFC 791 3.1: options are walked") {
  struct {
    const char* options;
    DropReason reason;
    bool source_route;
  } rows[] = {
      {"00", DropReason::kNone, false},
      {"01010101", DropReason::kNone, false},
      {"0000ffff", DropReason::kNone, false},           // nothing counts behind the end
      {"07070400000000", DropReason::kNone, false},     // record route
      {"44080500000000 00", DropReason::kNone, false},  // timestamp
      {"8207 04c0000201", DropReason::kNone, false},    // not a source route
      {"8307 04c0000201", DropReason::kNone, true},     // LSRR, to go
      {"8907 04c0000201", DropReason::kNone, true},     // SSRR, to go
      {"8307 08c0000201", DropReason::kNone, false},    // used up
      {"8307 07c0000201", DropReason::kNone, true},
      {"01 8307 04c0000201", DropReason::kNone, true},
      {"07000000", DropReason::kBadLength, false},  // length 0 would loop for ever
      {"07010000", DropReason::kBadLength, false},
      {"07050000", DropReason::kBadLength, false},  // beyond the header
      {"01010107", DropReason::kBadLength, false},  // no length octet
      {"83020000", DropReason::kBadLength, false},  // no pointer
  };
  for (const auto& row : rows) {
    INFO(row.options);
    const auto p = parse(four().options4(hex(row.options)).udp(1, 2));
    CHECK(p.reason == row.reason);
    CHECK(p.view.source_route == row.source_route);
  }
}

TEST_CASE("RFC 8200 4: extension headers are walked") {
  auto p = parse(six().routing(0, 2).udp(1, 2));
  REQUIRE(p.reason == DropReason::kNone);
  CHECK_FALSE(p.view.source_route);
  p = parse(six().hop_by_hop(16).routing(3, 3).routing(1).udp(1, 2));
  REQUIRE(p.reason == DropReason::kNone);
  CHECK(p.view.source_route);
  CHECK(p.view.segments_left_at == 59);  // the first one that is not used up
  auto eight = six();
  for (int i = 0; i < 8; ++i) eight.dest_opts();
  CHECK(refused(Packet(eight).udp(1, 2)) == DropReason::kNone);
  CHECK(refused(Packet(eight).dest_opts().udp(1, 2)) == DropReason::kExtHeader);
  // A header longer than the packet.
  CHECK(refused(six().extension_header(60, hex("00 ff 00 00 00 00 00 00")).udp(1, 2)) ==
        DropReason::kTruncated);
  CHECK(refused(six().extension_header(60, hex("0000000000"))) == DropReason::kTruncated);
  CHECK(refused(six().protocol(0)) == DropReason::kTruncated);
  // 2048 bytes each: offsets do not wrap.
  auto long_chain = six();
  for (int i = 0; i < 8; ++i) {
    Bytes header(2048);
    header[1] = 255;
    long_chain.extension_header(60, header);
  }
  p = parse(long_chain.udp(1, 2));
  REQUIRE(p.reason == DropReason::kNone);
  CHECK(p.view.l4_offset == 40 + 8 * 2048);
}

TEST_CASE("RFC 7915 5.1.1: an extension header behind a fragment header is refused") {
  CHECK(refused(six().fragment(0, true, 1).dest_opts().udp(1, 2)) == DropReason::kExtHeader);
  CHECK(refused(six().fragment(0, false, 1).fragment(0, false, 1).udp(1, 2)) ==
        DropReason::kExtHeader);
  // RFC 8200 4.5: of the others only the first fragment's Next Header counts.
  CHECK(refused(six().fragment(8, true, 1).protocol(51)) == DropReason::kNone);
}

TEST_CASE("a quoted packet needs only eight bytes of transport") {
  for (const Packet& packet :
       {four().tcp(1, 2).payload(100), four().udp(1, 2).payload(100),
        four().icmp_echo(1, 2).payload(100), six().tcp(1, 2).payload(100),
        six().hop_by_hop().udp(1, 2).payload(100), six().icmp_echo(1, 2).payload(100)}) {
    const Bytes whole = packet;
    const auto full = parse(whole);
    REQUIRE(full.reason == DropReason::kNone);
    const std::size_t least = full.view.l4_offset + 8u;
    for (std::size_t n = 0; n < whole.size(); ++n) {
      Bytes cut = whole;
      cut.resize(n);
      const auto p = parse(cut, Extent::kQuoted);
      CHECK((p.reason == DropReason::kNone) == (n >= least));
      CHECK(refused(cut) != DropReason::kNone);
      if (n < least) continue;
      CHECK(p.view.total_length == whole.size());
      CHECK(p.view.source_port == full.view.source_port);
      CHECK(p.view.payload == full.view.payload);
    }
  }
}

TEST_CASE("a quoted packet's own length counts, not the quote's") {
  CHECK(parse(four().ip_length(27).udp(1, 2).payload(9), Extent::kQuoted).reason ==
        DropReason::kTruncated);
  CHECK(parse(six().ip_length(7).udp(1, 2).payload(9), Extent::kQuoted).reason ==
        DropReason::kTruncated);
  CHECK(parse(six().ip_length(0).hop_by_hop().udp(1, 2), Extent::kQuoted).reason ==
        DropReason::kBadLength);
}
