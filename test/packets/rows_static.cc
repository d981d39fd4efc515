// SPDX-License-Identifier: BSD-3-Clause
// Static bindings (RFC 6146 3.1): single ports and whole addresses.
#include "nat/statics.h"
#include "packets/rows.h"

namespace isthmus::test::rows_static {
namespace {

constexpr const char* kT = "203.0.113.1";

nat::StaticBinding bound(uint8_t protocol, const char* inside, uint16_t inside_port,
                         uint16_t outside_port) {
  return {0,
          protocol,
          *net::parse_ip6(inside),
          net::Be16(inside_port),
          *net::parse_ip4(kT),
          net::Be16(outside_port)};
}

nat::Settings with(nat::Settings settings, std::vector<nat::StaticBinding> statics) {
  settings.instances[0].statics = std::move(statics);
  return settings;
}

// A web server behind a port that the pool does not lend.
void server(Script& s) {
  counted_made(s, 1, 0);
  for (int round = 0; round < 2; ++round) {
    s.expect(ip4(kZ, kT).tcp(4000, 80).flags("S"),
             ip6(kPZ, kA).hop_limit(63).tcp(4000, 8080).flags("S"));
    s.expect(ip6(kA, kPZ).tcp(8080, 4000).flags("SA"),
             ip4(kT, kZ).ttl(63).tcp(80, 4000).flags("SA"));
    s.expect(ip4(kZ, kT).tcp(4000, 80).flags("R"),
             ip6(kPZ, kA).hop_limit(63).tcp(4000, 8080).flags("R"));
    counted_in(s, 2, 2 * 40);
    counted_out(s, 1, 60);
    counted_made(s, 0, 1);
    s.wait(242'000);  // the session ends, the binding stays
    counted_gone(s, 0, 1);
  }
  // A segment that opens nothing passes, too.
  s.expect(ip6(kA, kPZ).tcp(8080, 4000).flags("A"), ip4(kT, kZ).ttl(63).tcp(80, 4000).flags("A"));
  counted_out(s, 1, 60);
  // The host's other ports are bound as anybody's.
  const auto t = s.mapping(s.send(ip6(kA, kPZ).tcp(8081, 4000).flags("S")));
  s.check(t.port >= 1024, "a lent port from outside the pool's range");
  counted_out(s, 1, 60);
  counted_made(s, 1, 1);
}

// From inside first, in the pool's range, where nobody else may get it.
void udp_from_inside(Script& s) {
  counted_made(s, 1, 0);
  s.expect(ip6(kA, kPZ).udp(5060, 53).payload("hello"),
           ip4(kT, kZ).ttl(63).udp(2001, 53).payload("hello"));
  counted_out(s, 1, 53);
  counted_made(s, 0, 1);
  // Another host gets none of the three other ports twice, and never this one.
  for (uint16_t port = 1; port <= 3; ++port) {
    const auto t = s.mapping(s.send(ip6("2001:db8:a::aa", kPZ).udp(port, 53).payload("hello")));
    s.check(!(t.address == kT && t.port == 2001), "lends a cell that is bound statically");
    counted_out(s, 1, 53);
    counted_made(s, 1, 1);
  }
  s.wait(302'000);
  counted_gone(s, 3, 4);
  s.expect(ip4(kZ2, kT).udp(7, 2001).payload("hello"),
           ip6(kPZ2, kA).hop_limit(63).udp(7, 5060).payload("hello"));
  counted_in(s, 1, 33);
  counted_made(s, 0, 1);
}

void ping_by_identifier(Script& s) {
  counted_made(s, 1, 0);
  s.expect(ip4(kZ, kT).icmp_echo(77, 1), ip6(kPZ, kA).hop_limit(63).icmp_echo(5, 1));
  s.expect(ip6(kA, kPZ).icmp_echo_reply(5, 1), ip4(kT, kZ).ttl(63).icmp_echo_reply(77, 1));
  s.nothing(ip4(kZ, kT).icmp_echo(78, 1));
  s.counted({{DropReason::kNoBinding, 1}});
  counted_in(s, 1, 28);
  counted_out(s, 1, 48);
  counted_made(s, 0, 1);
}

void whole_address(Script& s) {
  // From outside, any port of any protocol.
  s.expect(ip4(kZ, kT).tcp(4000, 22).flags("S"),
           ip6(kPZ, kA).hop_limit(63).tcp(4000, 22).flags("S"));
  s.expect(ip6(kA, kPZ).tcp(22, 4000).flags("SA"), ip4(kT, kZ).ttl(63).tcp(22, 4000).flags("SA"));
  s.expect(ip4(kZ, kT).udp(4000, 53).payload("hello"),
           ip6(kPZ, kA).hop_limit(63).udp(4000, 53).payload("hello"));
  s.expect(ip4(kZ, kT).icmp_echo(77, 1), ip6(kPZ, kA).hop_limit(63).icmp_echo(77, 1));
  // From inside, ports stay what they are.
  s.expect(ip6(kA, kPZ2).udp(5000, 53).payload("hello"),
           ip4(kT, kZ2).ttl(63).udp(5000, 53).payload("hello"));
  s.expect(ip6(kA, kPZ2).tcp(1, 2).flags("A"), ip4(kT, kZ2).ttl(63).tcp(1, 2).flags("A"));
  // An error about such a flow finds it.
  const auto quoted = ip4(kT, kZ2).ttl(1).udp(5000, 53).payload("hello");
  const auto seen = ip6(kA, kPZ2).hop_limit(1).udp(5000, 53).payload("hello");
  s.expect(ip4(kZ2, kT).icmp4(3, 3).quote(quoted),
           ip6(kPZ2, kA).hop_limit(63).icmp6(1, 4).quote(seen));
  counted_in(s, 4, 40 + 33 + 28 + 61);
  counted_out(s, 3, 60 + 53 + 60);
  counted_made(s, 4, 4);
  s.counted({{Counter::kIcmpErrorsTranslated, 1}});
  // Nobody else is lent the address.
  for (int network = 1; network <= 40; ++network) {
    const auto other = "2001:db8:" + std::to_string(network) + "::1";
    const auto t = s.mapping(s.send(ip6(other, kPZ).udp(5000, 53).payload("hello")));
    s.check(t.address != kT, "lends an address that is bound statically");
  }
  counted_out(s, 40, 40 * 53);
  counted_made(s, 40, 40);
  s.wait(302'000);
  counted_gone(s, 3 + 40, 3 + 40);
  s.expect(ip4(kZ, kT).udp(4001, 53).payload("hello"),
           ip6(kPZ, kA).hop_limit(63).udp(4001, 53).payload("hello"));
  counted_in(s, 1, 33);
  counted_made(s, 1, 1);
}

void filtered(Script& s) {
  counted_made(s, 1, 0);
  s.nothing(ip4(kZ, kT).udp(7, 2001).payload("hello"));
  s.counted({{DropReason::kFiltered, 1}});
  s.expect(ip6(kA, kPZ).udp(5060, 53).payload("hello"),
           ip4(kT, kZ).ttl(63).udp(2001, 53).payload("hello"));
  s.expect(ip4(kZ, kT).udp(7, 2001).payload("hello"),
           ip6(kPZ, kA).hop_limit(63).udp(7, 5060).payload("hello"));
  counted_out(s, 1, 53);
  counted_in(s, 1, 33);
  counted_made(s, 0, 2);
}

void hairpin(Script& s) {
  counted_made(s, 1, 0);
  const auto out = s.send(ip6(kB, in_prefix(kT)).udp(5000, 2001).payload("hello"));
  s.check(out.size() == 53 && out[0] >> 4 == 6, "no packet to the other inside host");
  s.check(out.size() > 44 && out[42] == 5060 >> 8 && out[43] == (5060 & 255), "wrong port");
  counted_out(s, 1, 53);
  counted_in(s, 1, 33);
  counted_made(s, 1, 2);
  s.counted({{Counter::kHairpin, 1}});
}

// Later fragments do not show the port that makes them another worker's.
void fragments(Script& s) {
  counted_made(s, 1, 0);
  const auto datagram = ip4(kZ, kT).udp(53, 2001).payload(100);
  const auto translated = ip6(kPZ, kA).hop_limit(63).udp(53, 5060).payload(100);
  s.nothing(datagram.slice(56, 52, 99));
  const auto out = s.burst({datagram.slice(0, 56, 99)});
  s.check(out.size() == 2, "not both fragments came out");
  if (out.size() == 2) {
    s.check(out[0] == translated.slice(0, 56, 99), "the first fragment is wrong");
    s.check(out[1] == translated.slice(56, 52, 99), "the second fragment is wrong");
  }
  s.counted({{Counter::kFragmentsHeld, 1}});
  counted_in(s, 2, 20 + 56 + 20 + 52);
  counted_made(s, 0, 1);
}

}  // namespace

std::vector<Row> rows() {
  const auto web = bound(6, kA, 8080, 80);
  const auto sip = bound(17, kA, 5060, 2001);
  const nat::StaticBinding whole{0, 0, *net::parse_ip6(kA), {}, *net::parse_ip4(kT), {}};
  auto filters = with(stateful(), {sip});
  filters.instances[0].filtering = nat::Filtering::kAddressDependent;
  return {
      {"RFC 6146 3.1: static TCP binding, from outside", with(stateful(), {web}), path(), server},
      {"RFC 6146 3.1: the same with one address", with(one_address(), {web}), path(), server},
      {"RFC 6146 3.1: static UDP binding, from inside", with(stateful(), {sip}), path(),
       udp_from_inside},
      {"RFC 6146 3.1: the same with one address, UDP", with(one_address(), {sip}), path(),
       udp_from_inside},
      {"RFC 6146 3.1: static ICMP binding", with(stateful(), {bound(1, kA, 5, 77)}), path(),
       ping_by_identifier},
      {"RFC 6146 3.1: static binding of a whole address", with(stateful(), {whole}), path(),
       whole_address},
      {"RFC 6146 3.1: a static binding is filtered like any", filters, path(), filtered},
      {"RFC 6146 3.8: hairpin to a static binding", with(stateful(), {web, sip}), path(),
       [](Script& s) {
         counted_made(s, 1, 0);
         hairpin(s);
       }},
      {"RFC 6146 3.4: fragments to a static binding, in any order", with(stateful(), {sip}), path(),
       fragments},
      {"RFC 6146 3.4: the same with one address", with(one_address(), {sip}), path(), fragments},
  };
}

}  // namespace isthmus::test::rows_static
