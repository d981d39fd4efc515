// SPDX-License-Identifier: BSD-3-Clause
// Exhaustion and limits: RFC 6146 3.5.1.1, 5.3, RFC 6888, RFC 4443 2.4.
#include "packets/rows.h"

namespace isthmus::test::rows_limit {
namespace {

constexpr uint64_t kUdp6 = 53, kUdp4 = 33;

Packet flow(uint16_t port, uint16_t to = 53) {
  return ip6(kA, kPZ).udp(port, to).payload("hello");
}

// A new flow that is refused: Address Unreachable, quoting it.
void refused(Script& s, const Packet& in, DropReason reason) {
  s.expect(in, ip6(kOwn6, kA).icmp6(1, 3).quote(in));
  s.counted({{reason, 1}, {Counter::kIcmpErrorsSent, 1}});
}

// Opens four flows from different ports, sees the fifth refused, and the others live.
std::function<void(Script&)> four_bindings(DropReason reason) {
  return [reason](Script& s) {
    for (uint16_t port = 5000; port < 5004; ++port) s.send(flow(port));
    refused(s, flow(5004), reason);
    for (uint16_t port = 5000; port < 5004; ++port) s.send(flow(port));
    counted_out(s, 8, 8 * kUdp6);
    counted_made(s, 4, 4);
    s.wait(302'000);
    counted_gone(s, 4, 4);
    s.send(flow(5004));
    counted_out(s, 1, kUdp6);
    counted_made(s, 1, 1);
  };
}

std::function<void(Script&)> four_sessions(DropReason reason) {
  return [reason](Script& s) {
    Mapping t;
    for (uint16_t to = 53; to < 57; ++to) t = s.mapping(s.send(flow(5000, to)));
    refused(s, flow(5000, 57), reason);
    refused(s, flow(5001, 57), reason);  // leaves no binding behind
    // From outside it is refused silently.
    s.nothing(ip4(kZ2, t.address).udp(7, t.port).payload("hello"));
    s.counted({{reason, 1}});
    s.expect(ip4(kZ, t.address).udp(53, t.port).payload("hello"),
             ip6(kPZ, kA).hop_limit(63).udp(53, 5000).payload("hello"));
    counted_out(s, 4, 4 * kUdp6);
    counted_in(s, 1, kUdp4);
    counted_made(s, 1, 4);
    // Room again, at once.
    s.wait(302'000);
    counted_gone(s, 1, 4);
    s.send(flow(5001, 57));
    counted_out(s, 1, kUdp6);
    counted_made(s, 1, 1);
  };
}

// Its time is up, and the wheel has not come round yet: it is in nobody's way, not even its own.
void over_but_not_ended(Script& s) {
  for (int again = 0; again < 3; ++again) {
    s.send(flow(5000));
    counted_out(s, 1, kUdp6);
    counted_made(s, 1, 1);
    s.wait(300'000);
    s.send(flow(5000));
    counted_gone(s, 1, 1);
    counted_out(s, 1, kUdp6);
    counted_made(s, 1, 1);
    s.wait(302'000);
    counted_gone(s, 1, 1);
  }
}

void others_are_not_affected(Script& s) {
  for (uint16_t port = 5000; port < 5004; ++port) s.send(flow(port));
  refused(s, flow(5004), DropReason::kSubscriberLimit);
  s.send(ip6(kB, kPZ).udp(5000, 53).payload("hello"));
  // Another host in A's /64 is the same subscriber.
  const auto neighbor = ip6("2001:db8:a::bb", kPZ).udp(5000, 53).payload("hello");
  s.expect(neighbor, ip6(kOwn6, "2001:db8:a::bb").icmp6(1, 3).quote(neighbor));
  s.counted({{DropReason::kSubscriberLimit, 1}, {Counter::kIcmpErrorsSent, 1}});
  counted_out(s, 5, 5 * kUdp6);
  counted_made(s, 5, 5);
}

void protocols_have_their_own_ports(Script& s) {
  for (uint16_t port = 5000; port < 5004; ++port) s.send(flow(port));
  refused(s, flow(5004), DropReason::kPoolExhausted);
  s.send(ip6(kA, kPZ).tcp(5004, 80).flags("S"));
  counted_out(s, 5, 4 * kUdp6 + 60);
  counted_made(s, 5, 5);
}

void udp_bindings_alone(Script& s) {
  s.send(flow(5000));
  s.send(flow(5001));
  refused(s, flow(5002), DropReason::kSubscriberLimit);
  s.send(ip6(kA, kPZ).tcp(5002, 80).flags("S"));
  s.send(ip6(kA, kPZ).icmp_echo(5002, 1));
  s.send(flow(5000, 54));  // another session of a binding that there is
  counted_out(s, 5, 3 * kUdp6 + 60 + 48);
  counted_made(s, 4, 5);
}

void sessions_per_second(Script& s) {
  const auto t = s.mapping(s.send(flow(5000, 1)));
  s.send(flow(5000, 2));
  refused(s, flow(5000, 3), DropReason::kSubscriberRate);
  refused(s, flow(5001, 3), DropReason::kSubscriberRate);  // leaves no binding behind
  s.send(flow(5000, 1));
  // What the outside opens does not use up the subscriber's rate.
  s.expect(ip4(kZ2, t.address).udp(7, t.port).payload("hello"),
           ip6(kPZ2, kA).hop_limit(63).udp(7, 5000).payload("hello"));
  s.wait(499);
  refused(s, flow(5000, 3), DropReason::kSubscriberRate);
  s.wait(1);
  s.send(flow(5000, 3));
  refused(s, flow(5000, 4), DropReason::kSubscriberRate);
  s.wait(10'000);  // no more than the burst is saved up
  s.send(flow(5000, 4));
  s.send(flow(5000, 5));
  refused(s, flow(5000, 6), DropReason::kSubscriberRate);
  counted_out(s, 6, 6 * kUdp6);
  counted_in(s, 1, kUdp4);
  counted_made(s, 1, 6);
}

// A subscriber of many /64 networks is one, whatever the workers.
void a_whole_48(Script& s) {
  const auto from = [](int network) {
    return ip6("2001:db8:a:" + std::to_string(network) + "::1", kPZ).udp(5000, 53).payload("hello");
  };
  for (int network = 1; network <= 4; ++network) s.send(from(network));
  const auto fifth = from(5);
  s.expect(fifth, ip6(kOwn6, "2001:db8:a:5::1").icmp6(1, 3).quote(fifth));
  s.counted({{DropReason::kSubscriberLimit, 1}, {Counter::kIcmpErrorsSent, 1}});
  s.send(ip6("2001:db8:b:5::1", kPZ).udp(5000, 53).payload("hello"));
  counted_out(s, 5, 5 * kUdp6);
  counted_made(s, 5, 5);
}

void events_are_bounded(Script& s) {
  for (uint16_t port = 5000; port < 5010; ++port) s.send(flow(port));
  counted_out(s, 10, 10 * kUdp6);
  counted_made(s, 10, 10);
  s.counted({{Counter::kEventsLost, 20 - 8}});
}

void one_held_syn(Script& s) {
  const auto t = s.mapping(s.send(flow(5000)));
  const auto syn = [](uint16_t from) { return ip4(kZ, "203.0.113.1").tcp(from, 40000).flags("S"); };
  s.nothing(syn(1000));
  s.nothing(syn(1001));
  s.counted({{DropReason::kSynHeld, 1}, {DropReason::kSynDropped, 1}});
  s.expect(ip4(kZ, t.address).udp(53, t.port).payload("hello"),
           ip6(kPZ, kA).hop_limit(63).udp(53, 5000).payload("hello"));
  s.same(ip4(kOwn4, kZ).tos(0xc0).df().icmp4(3, 3).quote(syn(1000)), s.wait_for_one(7'100));
  s.nothing(syn(1001));  // room again
  s.counted({{DropReason::kSynHeld, 1}, {Counter::kIcmpErrorsSent, 1}});
  counted_out(s, 1, kUdp6);
  counted_in(s, 1, kUdp4);
  counted_made(s, 1, 1);
}

void held_syns_are_bounded(Script& s) {
  const auto syn = [](uint16_t from) { return ip4(kZ, "203.0.113.1").tcp(from, 40000).flags("S"); };
  s.nothing(syn(1000));
  s.nothing(syn(1001));
  s.nothing(syn(1002));
  s.counted({{DropReason::kSynHeld, 2}, {DropReason::kSynDropped, 1}});
  s.check(s.burst({syn(1000).bytes()}).empty(), "a held SYN is answered early");
  s.counted({{DropReason::kSynHeld, 1}});
}

void errors_are_limited(Script& s) {
  const auto dying = flow(5000).hop_limit(1);
  for (int i = 0; i < 10; ++i) s.expect(dying, ip6(kOwn6, kA).icmp6(3, 0).quote(dying));
  s.nothing(dying);
  s.nothing(dying);
  s.wait(1'000);
  s.expect(dying, ip6(kOwn6, kA).icmp6(3, 0).quote(dying));
  counted_made(s, 1, 1);
  s.counted({{DropReason::kHopLimit, 11},
             {DropReason::kIcmpRateLimit, 2},
             {Counter::kIcmpErrorsSent, 11}});
}

void no_errors_at_all(Script& s) {
  const auto dying = flow(5000).hop_limit(1);
  for (int i = 0; i < 3; ++i) s.nothing(dying);
  s.wait(60'000);
  s.nothing(dying);
  counted_made(s, 1, 1);
  s.counted({{DropReason::kIcmpRateLimit, 4}});
}

template <class Change>
nat::Settings changed(Change&& change) {
  auto settings = stateful();
  change(settings);
  return settings;
}

}  // namespace

std::vector<Row> rows() {
  const auto four_ports = changed([](auto& s) { s.instances[0].pools[0].ports = {2000, 2003}; });
  return {
      {"RFC 6146 3.5.1.1: no port left", four_ports, path(),
       four_bindings(DropReason::kPoolExhausted)},
      {"RFC 6146 3.5.1.1: other protocols have their own ports", four_ports, path(),
       protocols_have_their_own_ports},
      {"RFC 6146 5.3: binding table full", changed([](auto& s) { s.max_bindings = 4; }), path(),
       four_bindings(DropReason::kBindingLimit)},
      {"RFC 6146 5.3: session table full", changed([](auto& s) { s.max_sessions = 4; }), path(),
       four_sessions(DropReason::kSessionLimit)},
      {"RFC 6888 REQ-4: bindings of a subscriber",
       changed([](auto& s) { s.subscriber_bindings = 4; }), path(),
       four_bindings(DropReason::kSubscriberLimit)},
      {"RFC 6888 REQ-4: sessions of a subscriber",
       changed([](auto& s) { s.subscriber_sessions = 4; }), path(),
       four_sessions(DropReason::kSubscriberLimit)},
      {"RFC 6888 REQ-4: a session that is over counts no more",
       changed([](auto& s) { s.subscriber_sessions = s.subscriber_bindings = 1; }), path(),
       over_but_not_ended},
      {"RFC 6888 REQ-4: others are not affected",
       changed([](auto& s) { s.subscriber_bindings = 4; }), path(), others_are_not_affected},
      {"RFC 6888 REQ-4: bindings of a subscriber, by protocol",
       changed([](auto& s) { s.subscriber_udp_bindings = 2; }), path(), udp_bindings_alone},
      {"RFC 6888 REQ-4: new sessions per second of a subscriber",
       changed([](auto& s) { s.subscriber_sessions_per_second = 2; }), path(), sessions_per_second},
      {"RFC 6888 REQ-4: a subscriber with a shorter prefix than 64 is one", changed([](auto& s) {
         s.subscriber_prefix_length = 48;
         s.subscriber_bindings = 4;
       }),
       path(), a_whole_48},
      {"events: a full ring loses events, not packets", changed([](auto& s) {
         s.events = nat::kSessionEvents | nat::kBindingEvents;
         s.event_ring = 8;
       }),
       path(), events_are_bounded},
      {"RFC 6146 5.3: a full store of SYNs leaves others alone and recovers",
       changed([](auto& s) { s.max_held_syns = 1; }), path(), one_held_syn},
      {"RFC 6146 5.3: stored SYNs are bounded", changed([](auto& s) { s.max_held_syns = 2; }),
       path(), held_syns_are_bounded},
      {"RFC 4443 2.4: originated errors are limited",
       changed([](auto& s) { s.icmp_errors_per_second = 1; }), path(), errors_are_limited},
      {"RFC 4443 2.4: a limit of none means none",
       changed([](auto& s) { s.icmp_errors_per_second = 0; }), path(), no_errors_at_all},
  };
}

}  // namespace isthmus::test::rows_limit
