// SPDX-License-Identifier: BSD-3-Clause
// One IPv4 address for the box and a pool: what has a binding is translated, all else is the box's.
#include "packets/rows.h"

namespace isthmus::test::rows_shared {
namespace {

constexpr uint64_t kUdp6 = 53, kUdp4 = 33;
constexpr uint16_t kLent = 20001, kNotLent = 22;

nat::Settings shared() {
  auto settings = stateful();
  auto& pool = settings.instances[0].pools[0];
  pool.ranges = {{*net::parse_ip4(kOwn4), *net::parse_ip4(kOwn4)}};
  pool.ports = {20000, 29999};
  return settings;
}

Mapping open(Script& s) {
  const auto m = s.mapping(s.send(ip6(kA, kPZ).udp(5000, 53).payload("hello")));
  s.check(m.address == kOwn4 && m.port >= 20000 && m.port <= 29999, "not the shared address");
  counted_out(s, 1, kUdp6);
  counted_made(s, 1, 1);
  return m;
}

void transport(Script& s) {
  for (const uint16_t port : {kLent, kNotLent}) {
    s.local(ip4(kZ, kOwn4).udp(53, port).payload("hello"));
    s.local(ip4(kZ, kOwn4).tcp(80, port).flags("S"));
    s.local(ip4(kZ, kOwn4).tcp(80, port).flags("SA"));
    s.local(ip4(kZ, kOwn4).tcp(80, port).flags("A").payload("hello"));
  }
  const auto m = open(s);
  s.expect(ip4(kZ, kOwn4).udp(53, m.port).payload("hello"),
           ip6(kPZ, kA).hop_limit(63).udp(53, 5000).payload("hello"));
  counted_in(s, 1, kUdp4);
  s.local(ip4(kZ, kOwn4).tcp(80, m.port).flags("S"));  // a binding of UDP only
  s.wait(302'000);
  counted_gone(s, 1, 1);
  s.local(ip4(kZ, kOwn4).udp(53, m.port).payload("hello"));
}

void echo(Script& s) {
  s.local(ip4(kZ, kOwn4).icmp_echo(kLent, 1).payload("ping"));
  s.local(ip4(kZ, kOwn4).icmp_echo_reply(kLent, 1).payload("ping"));
  s.local(ip4(kZ, kOwn4).icmp_echo_reply(7, 1).payload("ping"));
  const auto m = s.mapping(s.send(ip6(kA, kPZ).icmp_echo(77, 1).payload("ping")));
  counted_out(s, 1, 52);
  counted_made(s, 1, 1);
  s.local(ip4(kZ, kOwn4).icmp_echo(m.port, 1).payload("ping"));
  s.expect(ip4(kZ, kOwn4).icmp_echo_reply(m.port, 1).payload("ping"),
           ip6(kPZ, kA).hop_limit(63).icmp_echo_reply(77, 1).payload("ping"));
  counted_in(s, 1, 32);
}

void errors(Script& s) {
  const auto about = [](uint16_t port) {
    return ip4(kZ2, kOwn4).icmp4(11, 0).quote(ip4(kOwn4, kZ).udp(port, 53).payload("hello"));
  };
  s.local(about(kLent));
  s.local(about(kNotLent));
  s.local(ip4(kZ2, kOwn4).icmp4(3, 1).quote(ip4(kOwn4, kZ).icmp_echo(kLent, 1)));
  const auto m = open(s);
  s.send(about(m.port));
  s.counted({{Counter::kIcmpErrorsTranslated, 1}});
  counted_in(s, 1, 20 + 8 + kUdp4);
}

void fragments(Script& s) {
  for (const uint16_t port : {kLent, kNotLent}) {
    const auto whole = ip4(kZ, kOwn4).udp(53, port).payload(100);
    const auto first = whole.slice(0, 56, port), second = whole.slice(56, 52, port);
    s.local({first, second});
    const auto late = static_cast<uint16_t>(port + 1);
    const auto begin = whole.slice(0, 56, late), end = whole.slice(56, 52, late);
    s.local({end, begin}, {begin, end});
    s.counted({{Counter::kFragmentsHeld, 1}});
  }
  const auto ping = ip4(kZ, kOwn4).icmp_echo(kLent, 1).payload(100);
  const auto head = ping.slice(0, 56, 9), tail = ping.slice(56, 52, 9);
  s.local({head, tail});
  s.counted({{Counter::kFragmentsHeld, 2}});  // until the whole message is there
  const auto m = open(s);
  const auto answer = ip4(kZ, kOwn4).udp(53, m.port).payload(100);
  const auto out = s.burst({answer.slice(0, 56, 11), answer.slice(56, 52, 11)});
  s.check(out.size() == 2, "fragments of a binding are lost");
  counted_in(s, 2, 76 + 72);
}

// A host inside that calls the box by its IPv4 address is turned around, and meets no binding.
void from_inside(Script& s) {
  s.nothing(ip6(kA, in_prefix(kOwn4)).udp(5000, kLent).payload("hello"));
  counted_out(s, 1, kUdp6);
  counted_made(s, 1, 1);
  s.counted({{Counter::kHairpin, 1}, {DropReason::kNoBinding, 1}});
}

}  // namespace

std::vector<Row> rows() {
  return {
      {"shared address: TCP and UDP without binding are the box's", shared(), path(), transport},
      {"shared address: echo replies by their identifier", shared(), path(), echo},
      {"shared address: ICMP errors by what they quote", shared(), path(), errors},
      {"shared address: fragments follow their first", shared(), path(), fragments},
      {"shared address: called from inside", shared(), path(), from_inside},
  };
}

}  // namespace isthmus::test::rows_shared
