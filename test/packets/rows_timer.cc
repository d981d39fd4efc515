// SPDX-License-Identifier: BSD-3-Clause
// How long sessions live, and what keeps them alive: RFC 4787 REQ-5 and REQ-6, RFC 6146 5.3.
#include "packets/rows.h"

namespace isthmus::test::rows_timer {
namespace {

constexpr uint64_t kUdp6 = 53, kUdp4 = 33, kTcp6 = 60, kTcp4 = 40;

Packet udp_out(uint16_t to) {
  return ip6(kA, kPZ).udp(5000, to).payload("hello");
}
Packet udp_in(const Mapping& t, uint16_t from) {
  return ip4(kZ, t.address).udp(from, t.port).payload("hello");
}
Packet udp_in6(uint16_t from) {
  return ip6(kPZ, kA).hop_limit(63).udp(from, 5000).payload("hello");
}

void short_port(Script& s) {
  s.send(udp_out(53));
  const auto t = s.mapping(s.send(udp_out(80)));
  counted_out(s, 2, 2 * kUdp6);
  counted_made(s, 1, 2);
  s.wait(9'000);
  s.expect(udp_in(t, 53), udp_in6(53));  // also keeps it alive
  counted_in(s, 1, kUdp4);
  s.wait(9'900);
  s.expect(udp_in(t, 53), udp_in6(53));
  counted_in(s, 1, kUdp4);
  s.wait(11'100);
  counted_gone(s, 0, 1);
  s.expect(udp_in(t, 80), udp_in6(80));
  counted_in(s, 1, kUdp4);
}

void short_port_from_outside(Script& s) {
  const auto t = s.mapping(s.send(udp_out(80)));
  counted_out(s, 1, kUdp6);
  counted_made(s, 1, 1);
  s.expect(ip4(kZ2, t.address).udp(53, t.port).payload("hello"),
           ip6(kPZ2, kA).hop_limit(63).udp(53, 5000).payload("hello"));
  counted_in(s, 1, kUdp4);
  counted_made(s, 0, 1);
  s.wait(119'000);  // both sessions live as long as any other
}

void udp_not_refreshed(Script& s) {
  const auto t = s.mapping(s.send(udp_out(80)));
  counted_made(s, 1, 1);
  s.wait(200'000);
  s.expect(udp_in(t, 80), udp_in6(80));
  s.wait(50'000);
  s.send(udp_out(80));
  s.wait(250'000);
  s.expect(udp_in(t, 80), udp_in6(80));
  s.wait(51'100);
  counted_gone(s, 1, 1);
  s.nothing(udp_in(t, 80));
  s.counted({{DropReason::kNoBinding, 1}});
  counted_out(s, 2, 2 * kUdp6);
  counted_in(s, 2, 2 * kUdp4);
}

void udp_refreshed(Script& s) {
  const auto t = s.mapping(s.send(udp_out(80)));
  counted_out(s, 1, kUdp6);
  counted_made(s, 1, 1);
  for (int i = 0; i < 4; ++i) {
    s.wait(290'000);
    s.expect(udp_in(t, 80), udp_in6(80));
    counted_in(s, 1, kUdp4);
  }
}

void icmp_not_refreshed(Script& s) {
  const auto t = s.mapping(s.send(ip6(kA, kPZ).icmp_echo(7, 1)));
  counted_out(s, 1, 48);
  counted_made(s, 1, 1);
  s.wait(50'000);
  s.expect(ip4(kZ, t.address).icmp_echo_reply(t.port, 1),
           ip6(kPZ, kA).hop_limit(63).icmp_echo_reply(7, 1));
  counted_in(s, 1, 28);
  s.wait(11'100);
  counted_gone(s, 1, 1);
}

Packet tcp_out(const char* flags) {
  return ip6(kA, kPZ).tcp(5000, 80).flags(flags);
}

// A connection that the outside opened up and only the outside uses.
void tcp_not_refreshed(Script& s) {
  const auto t = s.mapping(s.send(tcp_out("S")));
  const auto in = [&](const char* flags) {
    s.expect(ip4(kZ, t.address).tcp(80, t.port).flags(flags),
             ip6(kPZ, kA).hop_limit(63).tcp(80, 5000).flags(flags));
    counted_in(s, 1, kTcp4);
  };
  counted_out(s, 1, kTcp6);
  counted_made(s, 1, 1);
  in("SA");  // moves it on, with the lifetime of an open connection
  s.wait(7'000'000);
  in("A");
  s.same(ip6(kPZ, kA).tcp(80, 5000).flags("A").seq(0).ack(0).window(0), s.wait_for_one(201'100));
  s.counted({{Counter::kTcpProbes, 1}});
  s.wait(100'000);
  in("A");  // does not bring it back
  s.wait(141'100);
  counted_gone(s, 1, 1);
}

void syn_after_close_literally(Script& s) {
  const auto t = s.mapping(s.send(tcp_out("S")));
  const auto in = [&](const char* flags) {
    s.expect(ip4(kZ, t.address).tcp(80, t.port).flags(flags),
             ip6(kPZ, kA).hop_limit(63).tcp(80, 5000).flags(flags));
    counted_in(s, 1, kTcp4);
  };
  in("SA");
  s.send(tcp_out("FA"));
  in("FA");
  s.wait(60'000);
  s.send(tcp_out("S"));
  in("SA");
  s.send(tcp_out("A"));
  counted_out(s, 4, 4 * kTcp6);
  counted_made(s, 1, 1);
  s.wait(181'100);
  counted_gone(s, 1, 1);
}

// RFC 7857 2.1: half open may end sooner; RFC 6146 4: closing may not.
void half_open_and_closing(Script& s) {
  s.send(tcp_out("S"));
  counted_out(s, 1, kTcp6);
  counted_made(s, 1, 1);
  s.wait(29'900);
  s.wait(1'200);
  counted_gone(s, 1, 1);
  const auto t = s.mapping(s.send(tcp_out("S")));
  const auto in = [&](const char* flags) {
    s.expect(ip4(kZ, t.address).tcp(80, t.port).flags(flags),
             ip6(kPZ, kA).hop_limit(63).tcp(80, 5000).flags(flags));
    counted_in(s, 1, kTcp4);
  };
  counted_made(s, 1, 1);
  in("SA");
  s.send(tcp_out("A"));
  s.send(tcp_out("FA"));
  in("FA");
  counted_out(s, 3, 3 * kTcp6);
  s.wait(239'900);
  s.wait(1'200);
  counted_gone(s, 1, 1);
}

void unanswered_from_outside(Script& s) {
  const auto t = s.mapping(s.send(tcp_out("S")));
  s.expect(ip4(kZ, t.address).tcp(80, t.port).flags("SA"),
           ip6(kPZ, kA).hop_limit(63).tcp(80, 5000).flags("SA"));
  s.expect(ip4(kZ2, t.address).tcp(81, t.port).flags("S"),
           ip6(kPZ2, kA).hop_limit(63).tcp(81, 5000).flags("S"));
  counted_out(s, 1, kTcp6);
  counted_in(s, 2, 2 * kTcp4);
  counted_made(s, 1, 2);
  s.wait(241'100);  // and no error is sent: nothing was stored
  counted_gone(s, 0, 1);
}

template <class Change>
nat::Settings with(Change&& change) {
  auto settings = stateful();
  change(settings.instances[0]);
  return settings;
}

}  // namespace

std::vector<Row> rows() {
  const auto dns_short = with([](auto& i) {
    i.timers.udp_short = 10;
    i.timers.udp_short_ports = {53, 123};
  });
  return {
      {"RFC 4787 REQ-5 a: a well-known destination port with a timer of its own", dns_short, path(),
       short_port},
      {"RFC 4787 REQ-5 a: not for packets that come from such a port", dns_short, path(),
       short_port_from_outside},
      {"RFC 4787 REQ-6: packets from either side keep UDP alive", stateful(), path(),
       udp_refreshed},
      {"RFC 4787 REQ-6 a: UDP from outside need not",
       with([](auto& i) { i.inbound_refresh.udp = false; }), path(), udp_not_refreshed},
      {"RFC 6146 5.3: echo from outside need not keep it alive",
       with([](auto& i) { i.inbound_refresh.icmp = false; }), path(), icmp_not_refreshed},
      {"RFC 6146 5.3: TCP from outside need not keep it alive",
       with([](auto& i) { i.inbound_refresh.tcp = false; }), path(), tcp_not_refreshed},
      {"RFC 6146 3.5.2.2 V6 FIN + V4 FIN RCV: literally, a SYN is only forwarded",
       with([](auto& i) { i.syn_reopens_closed = false; }), path(), syn_after_close_literally},
      {"conflict C10: half open and closing TCP have a timer each",
       with([](auto& i) { i.timers.tcp_opening = 30; }), path(), half_open_and_closing},
      {"conflict C12: V4 INIT that stored nothing just ends", stateful(), path(),
       unanswered_from_outside},
  };
}

}  // namespace isthmus::test::rows_timer
