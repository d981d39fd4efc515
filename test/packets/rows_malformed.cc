// SPDX-License-Identifier: BSD-3-Clause
// What is not a packet, and what is an unusual one.
#include "packets/rows.h"

namespace isthmus::test::rows_malformed {
namespace {

constexpr uint64_t kUdp6 = 53;

void truncated(Script& s) {
  const Bytes six = ip6(kA, kPZ).udp(5000, 53).payload("hello");
  const Bytes four = ip4(kZ, "203.0.113.1").tcp(80, 40000).flags("S");
  for (std::size_t n = 0; n < six.size(); ++n) s.nothing(Bytes(six.begin(), six.begin() + n));
  for (std::size_t n = 0; n < four.size(); ++n) s.nothing(Bytes(four.begin(), four.begin() + n));
  s.counted({{DropReason::kTruncated, six.size() + four.size()}});
}

void bad_header_checksum(Script& s) {
  s.nothing(ip4(kZ, "203.0.113.1").udp(53, 40000).bad_ip_checksum(1));
  s.counted({{DropReason::kBadChecksum4, 1}});
}

void bad_lengths(Script& s) {
  s.nothing(ip6(kA, kPZ).udp(5000, 53).payload("hello").udp_length(14));
  s.nothing(ip6(kA, kPZ).udp(5000, 53).payload("hello").udp_length(7));
  s.counted({{DropReason::kBadLength, 2}});
}

void link_padding(Script& s) {
  const Packet in = ip6(kA, kPZ).udp(5000, 53).payload("hello");
  const auto out = s.burst({in.bytes() + pattern(7)});
  s.check(out.size() == 1, "one packet");
  const auto t = s.mapping(out.empty() ? Bytes{} : out[0]);
  if (!out.empty()) s.same(out4(t, kZ).udp(t.port, 53).payload("hello"), out[0]);
  counted_out(s, 1, kUdp6);
  counted_made(s, 1, 1);
}

void extension_headers(Script& s) {
  const auto out = s.send(ip6(kA, kPZ).hop_by_hop().dest_opts(16).udp(5000, 53).payload("hello"));
  const auto t = s.mapping(out);
  s.same(out4(t, kZ).udp(t.port, 53).payload("hello"), out);
  counted_out(s, 1, kUdp6 + 24);
  counted_made(s, 1, 1);
}

void routing_header(Script& s) {
  const auto in = ip6(kA, kPZ).routing(1).udp(5000, 53).payload("hello");
  s.expect(in, ip6(kOwn6, kA).icmp6(4, 0, 43).quote(in));
  s.counted({{DropReason::kSourceRoute, 1}, {Counter::kIcmpErrorsSent, 1}});
}

void source_route(Script& s) {
  const auto in =
      ip4(kZ, "203.0.113.1").options4(hex("83 07 04 01 02 03 04")).udp(53, 40000).payload("x");
  s.expect(in, ip4(kOwn4, kZ).tos(0xc0).df().icmp4(3, 5).quote(in));
  s.counted({{DropReason::kSourceRoute, 1}, {Counter::kIcmpErrorsSent, 1}});
}

void split_for_a_narrow_link(Script& s) {
  const auto in = ip6(kA, kPZ).udp(5000, 53).payload(1232);
  const auto out = s.burst({in.bytes()});
  s.check(out.size() == 2, "two fragments");
  counted_out(s, 1, 1280);
  counted_made(s, 1, 1);
}

}  // namespace

std::vector<Row> rows() {
  return {
      {"truncated at every byte", stateful(), path(), truncated},
      {"RFC 1812 5.2.2: wrong IPv4 header checksum", stateful(), path(), bad_header_checksum},
      {"RFC 768: UDP length that does not fit", stateful(), path(), bad_lengths},
      {"link padding is no part of the packet", stateful(), path(), link_padding},
      {"RFC 7915 5.1: extension headers are skipped", stateful(), path(), extension_headers},
      {"RFC 7915 5.1: routing header in use", stateful(), path(), routing_header},
      {"RFC 7915 4.1: source route in use", stateful(), path(), source_route},
      {"RFC 7915 5.1.1: up to 1280 bytes are fragmented", stateful(), path(1500, 1000),
       split_for_a_narrow_link},
  };
}

}  // namespace isthmus::test::rows_malformed
