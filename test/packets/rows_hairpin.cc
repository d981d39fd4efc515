// SPDX-License-Identifier: BSD-3-Clause
// Hairpinning: RFC 6146 3.8, RFC 4787 REQ-9, RFC 5382 REQ-8, RFC 5508 REQ-7.
#include "packets/rows.h"

namespace isthmus::test::rows_hairpin {
namespace {

constexpr uint64_t kUdp6 = 53, kUdp4 = 33;

// A and B have bindings; each knows the other by its pool address.
struct Pair {
  explicit Pair(Script& script) : s(script) {
    a = s.mapping(s.send(ip6(kA, kPZ).udp(5000, 53).payload("hello")));
    b = s.mapping(s.send(ip6(kB, kPZ).udp(6000, 53).payload("hello")));
    counted_out(s, 2, 2 * kUdp6);
    counted_made(s, 2, 2);
  }
  void turned(uint64_t packets, uint64_t bytes6, uint64_t bytes4) {
    counted_out(s, packets, bytes6);
    counted_in(s, packets, bytes4);
    s.counted({{Counter::kHairpin, packets}});
  }
  Packet a_to_b() const { return ip6(kA, in_prefix(b.address)).udp(5000, b.port).payload("hello"); }
  Packet at_b() const { return ip6(in_prefix(a.address), kB).udp(a.port, 6000).payload("hello"); }

  Script& s;
  Mapping a, b;
};

void udp(Script& s) {
  Pair p(s);
  s.expect(p.a_to_b(), p.at_b().hop_limit(63));
  s.expect(ip6(kB, in_prefix(p.a.address)).udp(6000, p.a.port).payload("back!"),
           ip6(in_prefix(p.b.address), kA).hop_limit(63).udp(p.b.port, 5000).payload("back!"));
  p.turned(2, 2 * kUdp6, 2 * kUdp4);
  counted_made(s, 0, 2);
}

void tcp(Script& s) {
  const auto b = s.mapping(s.send(ip6(kB, kPZ).tcp(80, 443).flags("S")));
  const auto syn = s.send(ip6(kA, in_prefix(b.address)).tcp(5000, b.port).flags("S"));
  s.check(syn.size() == 60, "a SYN reaches B");
  counted_out(s, 2, 120);
  counted_in(s, 1, 40);
  counted_made(s, 2, 3);
  s.counted({{Counter::kHairpin, 1}});
}

void to_itself(Script& s) {
  const auto a = s.mapping(s.send(ip6(kA, kPZ).udp(5000, 53).payload("hello")));
  s.expect(ip6(kA, in_prefix(a.address)).udp(5000, a.port).payload("hello"),
           ip6(in_prefix(a.address), kA).hop_limit(63).udp(a.port, 5000).payload("hello"));
  counted_out(s, 2, 2 * kUdp6);
  counted_in(s, 1, kUdp4);
  // The second half is a session of its own: its remote is A's pool address, like the first one's;
  // and it has the same name, so it is the same session.
  counted_made(s, 1, 2);
  s.counted({{Counter::kHairpin, 1}});
}

void to_nobody(Script& s) {
  s.nothing(ip6(kA, in_prefix("203.0.113.1")).udp(5000, 40001).payload("hello"));
  counted_out(s, 1, kUdp6);
  counted_made(s, 1, 1);
  s.counted({{Counter::kHairpin, 1}, {DropReason::kNoBinding, 1}});
}

void error(Script& s) {
  Pair p(s);
  s.expect(p.a_to_b(), p.at_b().hop_limit(63));
  p.turned(1, kUdp6, kUdp4);
  counted_made(s, 0, 2);
  const auto error = ip6(kB, in_prefix(p.a.address)).icmp6(1, 4).quote(p.at_b().hop_limit(63));
  s.expect(
      error,
      ip6(in_prefix(p.b.address), kA).hop_limit(63).icmp6(1, 4).quote(p.a_to_b().hop_limit(63)));
  const auto length = error.bytes().size();
  p.turned(1, length, length - 40);
  s.counted({{Counter::kIcmpErrorsTranslated, 2}});
}

// RFC 6146 3.5.2.2, V4 INIT: who sent the stored SYN is told, also when it is one of ours.
void stored_syn(Script& s) {
  const auto syn = ip6(kA, in_prefix("203.0.113.1")).tcp(5000, 40001).flags("S");
  s.nothing(syn);
  counted_out(s, 1, 60);
  counted_made(s, 1, 1);
  const auto got = s.wait_for_one(6'100);
  s.same(ip6(in_prefix(kOwn4), kA)
             .tos(0xc0)
             .icmp6(1, 4)
             .quote(ip6(kA, in_prefix("203.0.113.1")).hop_limit(63).tcp(5000, 40001).flags("S")),
         got);
  counted_in(s, 1, 68);
  s.counted({{Counter::kHairpin, 2},
             {Counter::kIcmpErrorsSent, 1},
             {Counter::kIcmpErrorsTranslated, 1},
             {DropReason::kSynHeld, 1}});
}

void hop_limit(Script& s) {
  Pair p(s);
  // One decrement in all (conflict C7): 2 is enough, 1 is not.
  s.expect(p.a_to_b().hop_limit(2), p.at_b().hop_limit(1));
  p.turned(1, kUdp6, kUdp4);
  counted_made(s, 0, 2);
  const auto dying = p.a_to_b().hop_limit(1);
  s.expect(dying, ip6(kOwn6, kA).icmp6(3, 0).quote(dying));
  s.counted({{DropReason::kHopLimit, 1}, {Counter::kIcmpErrorsSent, 1}});
}

}  // namespace

std::vector<Row> rows() {
  return {
      {"RFC 6146 3.8: UDP between two inside hosts", stateful(), path(), udp},
      {"RFC 6146 3.8: UDP, one address", one_address(), path(), udp},
      {"RFC 5382 REQ-8: TCP between two inside hosts", stateful(), path(), tcp},
      {"RFC 6146 3.8: a host reaches itself", stateful(), path(), to_itself},
      {"RFC 6146 3.8: nobody there", stateful(), path(), to_nobody},
      {"RFC 5508 REQ-7: an error is turned around, too", stateful(), path(), error},
      {"RFC 5508 REQ-7: an error, one address", one_address(), path(), error},
      {"RFC 6146 3.5.2.2: a hairpinned SYN that is stored", stateful(), path(), stored_syn},
      {"RFC 6146 3.5.2.2: a hairpinned SYN, one address", one_address(), path(), stored_syn},
      {"conflict C7: one hop in all", stateful(), path(), hop_limit},
  };
}

}  // namespace isthmus::test::rows_hairpin
