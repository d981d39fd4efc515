// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors, translated and originated: RFC 6146 3.4-3.6, RFC 7915 4.2-4.4, 5.2-5.4, RFC 5508.
#include "packets/rows.h"

namespace isthmus::test::rows_error {
namespace {

constexpr const char* kRouter4 = "198.51.100.254";
constexpr const char* kRouter6 = "2001:db8:a:ffff::1";
constexpr uint64_t kUdp6 = 53, kUdp4 = 33;

// One UDP flow from A to Z, and its packets on both sides.
struct Flow {
  explicit Flow(Script& script) : s(script) {
    t = s.mapping(s.send(out6()));
    counted_out(s, 1, kUdp6);
    counted_made(s, 1, 1);
  }
  static Packet out6() { return ip6(kA, kPZ).udp(5000, 53).payload("hello"); }
  Packet sent4() const { return ip4(t.address, kZ).udp(t.port, 53).payload("hello"); }
  Packet in4() const { return ip4(kZ, t.address).udp(53, t.port).payload("hello"); }
  static Packet got6() { return ip6(kPZ, kA).udp(53, 5000).payload("hello"); }

  void error_in(const Packet& in, const Packet& out) {
    s.expect(in, out);
    counted_in(s, 1, in.bytes().size());
    s.counted({{Counter::kIcmpErrorsTranslated, 1}});
  }
  void error_out(const Packet& in, const Packet& out) {
    s.expect(in, out);
    counted_out(s, 1, in.bytes().size());
    s.counted({{Counter::kIcmpErrorsTranslated, 1}});
  }

  Script& s;
  Mapping t;
};

void traceroute(Script& s) {
  Flow f(s);
  f.error_in(
      ip4(kRouter4, f.t.address).icmp4(11, 0).quote(f.sent4().ttl(1)),
      ip6(in_prefix(kRouter4), kA).hop_limit(63).icmp6(3, 0).quote(Flow::out6().hop_limit(1)));
}

void port_unreachable_in(Script& s) {
  Flow f(s);
  f.error_in(ip4(kZ, f.t.address).icmp4(3, 3).quote(f.sent4(), 28),
             ip6(kPZ, kA).hop_limit(63).icmp6(1, 4).quote(Flow::out6(), 48));
  // RFC 4787 REQ-12: it ends nothing.
  s.expect(f.in4(), Flow::got6().hop_limit(63));
  counted_in(s, 1, kUdp4);
}

void path_mtu_in(Script& s) {
  Flow f(s);
  f.error_in(ip4(kRouter4, f.t.address).icmp4(3, 4, 1400).quote(f.sent4()),
             ip6(in_prefix(kRouter4), kA).hop_limit(63).icmp6(2, 0, 1420).quote(Flow::out6()));
}

void port_unreachable_out(Script& s) {
  Flow f(s);
  f.error_out(ip6(kA, kPZ).icmp6(1, 4).quote(Flow::got6()),
              out4(f.t, kZ).icmp4(3, 3).quote(f.in4()));
}

void path_mtu_out(Script& s) {
  Flow f(s);
  // RFC 6146 3.6.1: a router inside appears as the pool address of the flow.
  f.error_out(ip6(kRouter6, kPZ).icmp6(2, 0, 1400).quote(Flow::got6()),
              out4(f.t, kZ).icmp4(3, 4, 1380).quote(f.in4()));
}

void about_a_query(Script& s) {
  const auto t = s.mapping(s.send(ip6(kA, kPZ).icmp_echo(7, 3).payload("ping")));
  const auto error = ip4(kRouter4, t.address)
                         .icmp4(3, 1)
                         .quote(ip4(t.address, kZ).icmp_echo(t.port, 3).payload("ping"));
  s.expect(error, ip6(in_prefix(kRouter4), kA)
                      .hop_limit(63)
                      .icmp6(1, 0)
                      .quote(ip6(kA, kPZ).icmp_echo(7, 3).payload("ping")));
  counted_out(s, 1, 52);
  counted_in(s, 1, error.bytes().size());
  counted_made(s, 1, 1);
  s.counted({{Counter::kIcmpErrorsTranslated, 1}});
}

void about_tcp(Script& s) {
  const auto t = s.mapping(s.send(ip6(kA, kPZ).tcp(5000, 80).flags("S")));
  const auto error =
      ip4(kRouter4, t.address).icmp4(3, 1).quote(ip4(t.address, kZ).tcp(t.port, 80).flags("S"));
  s.expect(error, ip6(in_prefix(kRouter4), kA)
                      .hop_limit(63)
                      .icmp6(1, 0)
                      .quote(ip6(kA, kPZ).tcp(5000, 80).flags("S")));
  counted_out(s, 1, 60);
  counted_in(s, 1, error.bytes().size());
  counted_made(s, 1, 1);
  s.counted({{Counter::kIcmpErrorsTranslated, 1}});
}

void does_not_refresh(Script& s) {
  Flow f(s);
  s.wait(299'000);
  f.error_in(ip4(kZ, f.t.address).icmp4(3, 3).quote(f.sent4()),
             ip6(kPZ, kA).hop_limit(63).icmp6(1, 4).quote(Flow::out6()));
  s.wait(2'100);
  s.nothing(f.in4());
  counted_gone(s, 1, 1);
  s.counted({{DropReason::kNoBinding, 1}});
}

void bad_checksum(Script& s) {
  Flow f(s);
  s.nothing(ip4(kRouter4, f.t.address).icmp4(11, 0).quote(f.sent4()).bad_checksum(0x100));
  s.nothing(ip6(kRouter6, kPZ).icmp6(1, 4).quote(Flow::got6()).bad_checksum(0x100));
  s.counted({{DropReason::kBadChecksumIcmp, 2}});
}

void about_nothing_of_ours(Script& s) {
  Flow f(s);
  const auto other = static_cast<uint16_t>(f.t.port ^ 2);
  s.nothing(ip4(kRouter4, f.t.address)
                .icmp4(11, 0)
                .quote(ip4(f.t.address, kZ).udp(other, 53).payload("hello")));
  s.nothing(ip6(kA, kPZ).icmp6(1, 4).quote(ip6(kPZ, kA).udp(53, 5001).payload("hello")));
  s.counted({{DropReason::kNoSession, 2}});
}

void forged(Script& s) {
  Flow f(s);
  // The error is not addressed to the sender of the packet it quotes.
  s.nothing(ip6(kA, kPZ2).icmp6(1, 4).quote(Flow::got6()));
  s.counted({{DropReason::kIcmpInner, 1}});
}

void about_an_error(Script& s) {
  Flow f(s);
  const auto inner = ip4(f.t.address, kZ).icmp4(3, 3).quote(f.in4());
  s.nothing(ip4(kRouter4, f.t.address).icmp4(11, 0).quote(inner));
  s.counted({{DropReason::kIcmpInner, 1}});
}

void quote_without_ports(Script& s) {
  Flow f(s);
  for (std::size_t length = 0; length < 28; ++length) {
    s.nothing(ip4(kRouter4, f.t.address).icmp4(11, 0).quote(f.sent4(), length));
  }
  for (std::size_t length = 0; length < 48; ++length) {
    s.nothing(ip6(kA, kPZ).icmp6(1, 4).quote(Flow::got6(), length));
  }
  s.counted({{DropReason::kIcmpInner, 28 + 48}});
}

void untranslatable_types(Script& s) {
  Flow f(s);
  s.nothing(ip4(kRouter4, f.t.address).icmp4(4, 0).quote(f.sent4()));
  s.nothing(ip4(kRouter4, f.t.address).icmp4(5, 0).quote(f.sent4()));
  s.nothing(ip4(kRouter4, f.t.address).icmp4(3, 14).quote(f.sent4()));
  s.nothing(ip6(kA, kPZ).icmp6(1, 5).quote(Flow::got6()));
  s.counted({{DropReason::kIcmpUntranslatable, 4}});
}

void hop_limit_out(Script& s) {
  const auto in = Flow::out6().hop_limit(1);
  s.expect(in, ip6(kOwn6, kA).icmp6(3, 0).quote(in));
  counted_made(s, 1, 1);
  s.counted({{DropReason::kHopLimit, 1}, {Counter::kIcmpErrorsSent, 1}});
}

void ttl_in(Script& s) {
  Flow f(s);
  const auto in = f.in4().ttl(1);
  s.expect(in, ip4(kOwn4, kZ).tos(0xc0).df().icmp4(11, 0).quote(in));
  s.counted({{DropReason::kHopLimit, 1}, {Counter::kIcmpErrorsSent, 1}});
}

void too_big_out(Script& s) {
  const auto in = ip6(kA, kPZ).udp(5000, 53).payload(1452);
  s.expect(in, ip6(kOwn6, kA).icmp6(2, 0, 1420).quote(in, 1232));
  counted_made(s, 1, 1);
  s.counted({{DropReason::kTooBig, 1}, {Counter::kIcmpErrorsSent, 1}});
}

void too_big_in(Script& s) {
  Flow f(s);
  const auto in = ip4(kZ, f.t.address).df().udp(53, f.t.port).payload(1472);
  s.expect(in, ip4(kOwn4, kZ).tos(0xc0).df().icmp4(3, 4, 1480).quote(in, 548));
  s.counted({{DropReason::kTooBig, 1}, {Counter::kIcmpErrorsSent, 1}});
}

// "Never about ICMPv6" (RFC 7915 5.4) is said of what is discarded; as a router it answers echo,
// too.
void echo_is_answered(Script& s) {
  const auto dying = ip6(kA, kPZ).hop_limit(1).icmp_echo(7, 1).payload("ping");
  s.expect(dying, ip6(kOwn6, kA).icmp6(3, 0).quote(dying));
  const auto big = ip6(kA, kPZ).icmp_echo(7, 2).payload(1452);
  s.expect(big, ip6(kOwn6, kA).icmp6(2, 0, 1420).quote(big, 1232));
  const auto t = s.mapping(s.send(ip6(kA, kPZ).icmp_echo(7, 3).payload("ping")));
  const auto late = ip4(kZ, t.address).ttl(1).icmp_echo_reply(t.port, 3).payload("ping");
  s.expect(late, ip4(kOwn4, kZ).tos(0xc0).df().icmp4(11, 0).quote(late));
  const auto wide = ip4(kZ, t.address).df().icmp_echo_reply(t.port, 4).payload(1472);
  s.expect(wide, ip4(kOwn4, kZ).tos(0xc0).df().icmp4(3, 4, 1480).quote(wide, 548));
  counted_out(s, 1, 52);
  counted_made(s, 1, 1);
  s.counted({{DropReason::kHopLimit, 2}, {DropReason::kTooBig, 2}, {Counter::kIcmpErrorsSent, 4}});
}

void no_answer_to_multicast(Script& s) {
  s.nothing(ip6("ff02::1", kPZ).raw(132, pattern(24)));
  s.counted({{DropReason::kProtocol, 1}});
}

}  // namespace

std::vector<Row> rows() {
  return {
      {"RFC 5508 REQ-4: traceroute sees the router", stateful(), path(), traceroute},
      {"RFC 5508 REQ-4: traceroute, one address", one_address(), path(), traceroute},
      {"RFC 7915 4.2: port unreachable, short quote", stateful(), path(), port_unreachable_in},
      {"RFC 7915 4.2: fragmentation needed becomes packet too big", stateful(), path(),
       path_mtu_in},
      {"RFC 7915 5.2: port unreachable from inside", stateful(), path(), port_unreachable_out},
      {"RFC 7915 5.2: packet too big from a router inside", stateful(), path(), path_mtu_out},
      {"RFC 6146 3.4: error about a query", stateful(), path(), about_a_query},
      {"RFC 5382 REQ-9: error about TCP", stateful(), path(), about_tcp},
      {"RFC 6146 3.5: errors do not refresh", stateful(), path(), does_not_refresh},
      {"RFC 5508 REQ-3: error with a wrong checksum", stateful(), path(), bad_checksum},
      {"RFC 5508 REQ-4: error about no mapping", stateful(), path(), about_nothing_of_ours},
      {"RFC 4443 2.2: error to somebody else than the quoted sender", stateful(), path(), forged},
      {"RFC 6146 3.4: error about an error", stateful(), path(), about_an_error},
      {"RFC 6146 3.4: quote without ports", stateful(), path(), quote_without_ports},
      {"RFC 7915 4.2, 5.2: types without counterpart", stateful(), path(), untranslatable_types},
      {"RFC 7915 5.1: hop limit runs out", stateful(), path(), hop_limit_out},
      {"RFC 7915 4.1: TTL runs out", stateful(), path(), ttl_in},
      {"RFC 7915 1.4: packet too big for the IPv4 side", stateful(), path(1500, 1400), too_big_out},
      {"RFC 7915 4: packet with DF too big for the IPv6 side", stateful(), path(), too_big_in},
      {"RFC 7915 1.4: echo hears of hop limit and size, too", stateful(), path(1500, 1400),
       echo_is_answered},
      {"RFC 4443 2.4: no error to a multicast source", stateful(), path(), no_answer_to_multicast},
  };
}

}  // namespace isthmus::test::rows_error
