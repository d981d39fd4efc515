// SPDX-License-Identifier: BSD-3-Clause
// Stateless translation: RFC 7915, RFC 6052.
#include "packets/rows.h"

namespace isthmus::test::rows_stateless {
namespace {

constexpr const char* kInside = "2001:db8:46::192.0.2.5";
constexpr const char* kInside2 = "2001:db8:46::192.0.2.6";
constexpr const char* kServer = "2001:db8:46::198.51.100.10";

void udp(Script& s) {
  s.expect(ip6(kInside, kServer).udp(5000, 53).payload("hello"),
           ip4("192.0.2.5", kZ).ttl(63).udp(5000, 53).payload("hello"));
  s.expect(ip4(kZ, "192.0.2.5").udp(53, 5000).payload("hello"),
           ip6(kServer, kInside).hop_limit(63).udp(53, 5000).payload("hello"));
  s.counted({{Counter::kSiitOut, 1}, {Counter::kSiitIn, 1}});
}

void ping(Script& s) {
  s.expect(ip6(kInside, kServer).icmp_echo(7, 1).payload("ping"),
           ip4("192.0.2.5", kZ).ttl(63).icmp_echo(7, 1).payload("ping"));
  s.counted({{Counter::kSiitOut, 1}});
}

void other_protocols(Script& s) {
  s.expect(ip6(kInside, kServer).raw(132, pattern(24)),
           ip4("192.0.2.5", kZ).ttl(63).raw(132, pattern(24)));
  s.expect(ip4(kZ, "192.0.2.5").raw(47, pattern(24)),
           ip6(kServer, kInside).hop_limit(63).raw(47, pattern(24)));
  s.counted({{Counter::kSiitOut, 1}, {Counter::kSiitIn, 1}});
}

void error(Script& s) {
  s.expect(ip4("198.51.100.254", "192.0.2.5")
               .icmp4(11, 0)
               .quote(ip4("192.0.2.5", kZ).ttl(1).udp(5000, 53).payload("hello")),
           ip6("2001:db8:46::198.51.100.254", kInside)
               .hop_limit(63)
               .icmp6(3, 0)
               .quote(ip6(kInside, kServer).hop_limit(1).udp(5000, 53).payload("hello")));
  s.counted({{Counter::kSiitIn, 1}, {Counter::kIcmpErrorsTranslated, 1}});
}

void fragment(Script& s) {
  const auto whole = ip6(kInside, kServer).udp(5000, 53).payload(64);
  const auto out = s.burst({whole.slice(0, 40, 77), whole.slice(40, 32, 77)});
  s.check(out.size() == 2, "both fragments pass");
  s.counted({{Counter::kSiitOut, 2}});
}

// Without state each fragment goes by itself, in any order, and keeps its Identification.
void later_fragments(Script& s) {
  const auto six = ip6(kInside, kServer).udp(5000, 53).payload(64);
  const auto four = ip4("192.0.2.5", kZ).ttl(63).udp(5000, 53).payload(64);
  const auto got = s.burst({six.slice(40, 32, 0x12340007)});
  s.check(got.size() == 1 && got[0] == four.slice(40, 32, 7), "offset, M and low half are kept");
  const auto in = ip4(kZ, "192.0.2.5").udp(53, 5000).payload(64);
  const auto out = ip6(kServer, kInside).hop_limit(63).udp(53, 5000).payload(64);
  const auto back = s.burst({in.slice(40, 32, 7), in.slice(0, 40, 7)});
  s.check(back == std::vector<Bytes>{out.slice(40, 32, 7), out.slice(0, 40, 7)}, "as they came");
  s.counted({{Counter::kSiitOut, 1}, {Counter::kSiitIn, 2}});
}

void fragments_refused(Script& s) {
  const auto ping = ip6(kInside, kServer).icmp_echo(7, 1).payload(64);
  const auto pong = ip4(kZ, "192.0.2.5").icmp_echo_reply(7, 1).payload(64);
  for (const std::size_t at : {0u, 40u}) {
    s.nothing(ping.slice(at, 32, 7));
    s.nothing(pong.slice(at, 32, 7));
  }
  auto later = ip6(kInside, kServer).raw(60, pattern(64));
  s.nothing(later.fragment(80, false, 7));
  s.counted({{DropReason::kFragment, 4}, {DropReason::kExtHeader, 1}});
}

void no_mapping(Script& s) {
  const auto in = ip6(kA, kServer).udp(5000, 53).payload("hello");
  s.expect(in, ip6(kOwn6, kA).icmp6(1, 1).quote(in));  // RFC 7915 5.4
  s.counted({{DropReason::kNoMapping, 1}, {Counter::kIcmpErrorsSent, 1}});
}

void hairpin(Script& s) {
  s.expect(ip6(kInside, kInside2).udp(5000, 53).payload("hello"),
           ip6(kInside, kInside2).hop_limit(63).udp(5000, 53).payload("hello"));
  s.counted({{Counter::kSiitOut, 1}, {Counter::kSiitIn, 1}, {Counter::kHairpin, 1}});
}

void beside_stateful(Script& s) {
  s.expect(ip6(kInside, kServer).udp(5000, 53).payload("hello"),
           ip4("192.0.2.5", kZ).ttl(63).udp(5000, 53).payload("hello"));
  const auto t = s.mapping(s.send(ip6(kA, kPZ).udp(5000, 53).payload("hello")));
  s.check(t.address != "192.0.2.5", "the stateful instance has its own addresses");
  s.counted({{Counter::kSiitOut, 1}});
  counted_out(s, 1, 53);
  counted_made(s, 1, 1);
}

nat::Settings both() {
  auto settings = stateful();
  settings.stateless = stateless().stateless;
  return settings;
}

}  // namespace

std::vector<Row> rows() {
  return {
      {"RFC 7915 4.1, 5.1: stateless UDP", stateless(), path(), udp},
      {"RFC 7915 5.2: stateless ping", stateless(), path(), ping},
      {"RFC 7915 5.1: all protocols pass", stateless(), path(), other_protocols},
      {"RFC 7915 4.3: stateless error", stateless(), path(), error},
      {"RFC 7915 5.1.1: fragments pass one by one", stateless(), path(), fragment},
      {"RFC 7915 5.1.1: fragments out of order, without state", stateless(), path(),
       later_fragments},
      {"RFC 7915 1.2: fragments that stateless translation refuses", stateless(), path(),
       fragments_refused},
      {"RFC 6052 2.3: source outside the prefix", stateless(), path(), no_mapping},
      {"RFC 6052: two inside hosts", stateless(), path(), hairpin},
      {"both kinds side by side", both(), path(), beside_stateful},
  };
}

}  // namespace isthmus::test::rows_stateless
