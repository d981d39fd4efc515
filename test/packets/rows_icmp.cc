// SPDX-License-Identifier: BSD-3-Clause
// ICMP queries: RFC 6146 3.5.3, RFC 5508; and transports that stateful NAT64 does not carry.
#include "packets/rows.h"

namespace isthmus::test::rows_icmp {
namespace {

constexpr uint64_t kLength6 = 52, kLength4 = 32;  // with four bytes of payload

Packet ping_from(const char* host, uint16_t id, const char* to = kPZ) {
  return ip6(host, to).icmp_echo(id, 1).payload("ping");
}

void ping(Script& s) {
  const auto out = s.send(ping_from(kA, 7));
  const auto t = s.mapping(out);
  s.same(out4(t, kZ).icmp_echo(t.port, 1).payload("ping"), out);
  s.expect(ip4(kZ, t.address).icmp_echo_reply(t.port, 1).payload("ping"),
           ip6(kPZ, kA).hop_limit(63).icmp_echo_reply(7, 1).payload("ping"));
  counted_out(s, 1, kLength6);
  counted_in(s, 1, kLength4);
  counted_made(s, 1, 1);
}

void same_identifier_of_two_hosts(Script& s) {
  const auto a = s.mapping(s.send(ping_from(kA, 7)));
  const auto b = s.mapping(s.send(ping_from(kB, 7)));
  s.check(a.address != b.address || a.port != b.port, "two hosts share a name");
  counted_out(s, 2, 2 * kLength6);
  counted_made(s, 2, 2);
}

void same_identifier_for_two_servers(Script& s) {
  const auto t = s.mapping(s.send(ping_from(kA, 7)));
  s.expect(ping_from(kA, 7, kPZ2), out4(t, kZ2).icmp_echo(t.port, 1).payload("ping"));
  counted_out(s, 2, 2 * kLength6);
  counted_made(s, 1, 2);
}

void query_lives_a_minute(Script& s) {
  const auto t = s.mapping(s.send(ping_from(kA, 7)));
  const auto reply = ip4(kZ, t.address).icmp_echo_reply(t.port, 1).payload("ping");
  s.wait(59'000);
  s.expect(reply, ip6(kPZ, kA).hop_limit(63).icmp_echo_reply(7, 1).payload("ping"));
  s.wait(60'000);
  s.nothing(reply);
  counted_out(s, 1, kLength6);
  counted_in(s, 1, kLength4);
  counted_made(s, 1, 1);
  counted_gone(s, 1, 1);
  s.counted({{DropReason::kNoBinding, 1}});
}

void inbound_ping(Script& s) {
  s.nothing(ip4(kZ, "203.0.113.1").icmp_echo(99, 1).payload("ping"));
  s.counted({{DropReason::kNoBinding, 1}});
}

void single_hop_messages(Script& s) {
  s.nothing(ip6(kA, kPZ).icmp6(143, 0).payload(16));
  s.nothing(ip4(kZ, "203.0.113.1").icmp4(13, 0).payload(12));
  s.counted({{DropReason::kIcmpUntranslatable, 2}});
}

void other_protocol_6(Script& s) {
  const auto sctp = ip6(kA, kPZ).raw(132, pattern(24));
  s.expect(sctp, ip6(kOwn6, kA).icmp6(1, 4).quote(sctp));
  s.counted({{DropReason::kProtocol, 1}, {Counter::kIcmpErrorsSent, 1}});
}

void other_protocol_4(Script& s) {
  const auto gre = ip4(kZ, "203.0.113.1").raw(47, pattern(24));
  s.expect(gre, ip4(kOwn4, kZ).tos(0xc0).df().icmp4(3, 2).quote(gre));
  s.counted({{DropReason::kProtocol, 1}, {Counter::kIcmpErrorsSent, 1}});
}

void igmp(Script& s) {
  s.nothing(ip4(kZ, "203.0.113.1").raw(2, pattern(8)));
  s.counted({{DropReason::kProtocol, 1}});
}

}  // namespace

std::vector<Row> rows() {
  return {
      {"RFC 6146 3.5.3: ping and answer", stateful(), path(), ping},
      {"RFC 6146 3.5.3: ping and answer, one address", one_address(), path(), ping},
      {"RFC 6146 3.1: two hosts with one identifier", stateful(), path(),
       same_identifier_of_two_hosts},
      {"RFC 5508 REQ-1: identifier does not depend on the server", stateful(), path(),
       same_identifier_for_two_servers},
      {"RFC 5508 REQ-2: query session lives 60 s", stateful(), path(), query_lives_a_minute},
      {"RFC 6146 3.5.3: inbound query without binding", stateful(), path(), inbound_ping},
      {"RFC 7915 4.2, 5.2: single-hop and unknown messages", stateful(), path(),
       single_hop_messages},
      {"RFC 6146 3.4: other Next Header is answered 1/4", stateful(), path(), other_protocol_6},
      {"RFC 6146 3.4: other protocol is answered 3/2", stateful(), path(), other_protocol_4},
      {"RFC 7915 4.2: IGMP is dropped silently", stateful(), path(), igmp},
  };
}

}  // namespace isthmus::test::rows_icmp
