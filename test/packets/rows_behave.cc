// SPDX-License-Identifier: BSD-3-Clause
// How a NAT is to behave: RFC 4787, RFC 5508, RFC 7857, and what RFC 6052 and RFC 6146 say of
// errors and floods.
#include "packets/rows.h"

namespace isthmus::test::rows_behave {
namespace {

constexpr const char* kRouter4 = "198.51.100.254";
constexpr const char* kRouter6 = "2001:db8:a:ffff::1";
constexpr uint64_t kUdp6 = 53, kUdp4 = 33;

Packet udp_out(uint16_t port, const char* to = kPZ, uint16_t to_port = 53) {
  return ip6(kA, to).udp(port, to_port).payload("hello");
}
Packet udp_in(const Mapping& t, const char* from = kZ, uint16_t port = 53) {
  return ip4(from, t.address).udp(port, t.port).payload("hello");
}
Packet got(const std::string& from = kPZ, uint16_t port = 53) {
  return ip6(from, kA).hop_limit(63).udp(port, 5000).payload("hello");
}
Packet sent(const Mapping& t) {
  return ip4(t.address, kZ).udp(t.port, 53).payload("hello");
}

// One UDP flow from A:5000 to Z:53.
Mapping open_flow(Script& s) {
  const auto t = s.mapping(s.send(udp_out(5000)));
  counted_out(s, 1, kUdp6);
  counted_made(s, 1, 1);
  return t;
}

void error_passes(Script& s, const Packet& in, const Packet& out) {
  s.expect(in, out);
  if (in.bytes()[0] >> 4 == 4) {
    counted_in(s, 1, in.bytes().size());
  } else {
    counted_out(s, 1, in.bytes().size());
  }
  s.counted({{Counter::kIcmpErrorsTranslated, 1}});
}

void gone(Script& s, const Mapping& t) {
  s.nothing(udp_in(t));
  s.counted({{DropReason::kNoBinding, 1}});
  counted_gone(s, 1, 1);
}

// --- RFC 4787 ------------------------------------------------------------------------------------

void outbound_refreshes(Script& s) {
  const auto t = open_flow(s);
  for (int i = 0; i < 3; ++i) {
    s.wait(299'999);
    s.expect(udp_out(5000), out4(t, kZ).udp(t.port, 53).payload("hello"));
    counted_out(s, 1, kUdp6);
  }
  s.wait(300'000);
  gone(s, t);
}

// Four ports, four bindings: who has one sees no difference.
void full_pool_changes_nothing(Script& s) {
  const auto t = open_flow(s);
  for (uint16_t port = 5001; port < 5004; ++port) s.send(udp_out(port));
  counted_out(s, 3, 3 * kUdp6);
  counted_made(s, 3, 3);
  const auto refused = udp_out(5004);
  s.expect(refused, ip6(kOwn6, kA).icmp6(1, 3).quote(refused));
  s.counted({{DropReason::kPoolExhausted, 1}, {Counter::kIcmpErrorsSent, 1}});
  // Mapping and filtering as before: endpoint-independent.
  s.expect(udp_out(5000, kPZ2, 99), out4(t, kZ2).udp(t.port, 99).payload("hello"));
  counted_out(s, 1, kUdp6);
  s.expect(udp_in(t, kRouter4, 7), got(in_prefix(kRouter4), 7));
  counted_in(s, 1, kUdp4);
  counted_made(s, 0, 2);
}

// Every kind of error, of whoever: the mapping stays, and so does its lifetime.
void no_icmp_ends_a_mapping(Script& s) {
  const auto t = open_flow(s);
  s.wait(200'000);
  for (const uint8_t code : {0, 1, 2, 3, 9, 10, 13}) {
    s.check(s.burst({ip4(kRouter4, t.address).icmp4(3, code).quote(sent(t))}).size() == 1,
            "an error passes");
  }
  counted_in(s, 7, 7 * (kUdp4 + 28));
  s.counted({{Counter::kIcmpErrorsTranslated, 7}});
  s.expect(udp_in(t), got());
  counted_in(s, 1, kUdp4);
  s.wait(299'999);
  s.expect(udp_in(t), got());
  counted_in(s, 1, kUdp4);
}

// --- RFC 5508 ------------------------------------------------------------------------------------

void quote_with_options(Script& s) {
  const auto t = open_flow(s);
  // A router's quote of our packet, to which one on the way added Record Route (REQ-3b).
  const auto quoted =
      ip4(t.address, kZ).options4(hex("07 07 04 00 00 00 00")).udp(t.port, 53).payload("hello");
  error_passes(s, ip4(kRouter4, t.address).icmp4(11, 0).quote(quoted),
               ip6(in_prefix(kRouter4), kA).hop_limit(63).icmp6(3, 0).quote(udp_out(5000)));
}

void quote_with_wrong_transport_checksum(Script& s) {
  const auto t = open_flow(s);
  const auto in = ip4(kRouter4, t.address).icmp4(11, 0).quote(sent(t).bad_checksum(0x0100));
  s.check(s.burst({in}).size() == 1, "it is nobody's business but the host's");
  counted_in(s, 1, in.bytes().size());
  s.counted({{Counter::kIcmpErrorsTranslated, 1}});
}

void quote_with_wrong_header_checksum(Script& s) {
  const auto t = open_flow(s);
  s.nothing(ip4(kRouter4, t.address).icmp4(11, 0).quote(sent(t).bad_ip_checksum(1)));
  s.counted({{DropReason::kIcmpInner, 1}});
}

void error_with_extension(Script& s) {
  const auto t = open_flow(s);
  error_passes(s, ip4(kRouter4, t.address).icmp4(11, 0).quote(sent(t)).extension(mpls_extension()),
               ip6(in_prefix(kRouter4), kA)
                   .hop_limit(63)
                   .icmp6(3, 0)
                   .quote(udp_out(5000))
                   .extension(mpls_extension()));
}

void error_about_nothing_from_inside(Script& s) {
  s.nothing(ip6(kRouter6, kPZ).icmp6(3, 0).quote(got(kPZ)));
  s.counted({{DropReason::kNoSession, 1}});
}

void error_about_a_query(Script& s) {
  const auto ping = ip6(kA, kPZ).icmp_echo(7, 1).payload("ping");
  const auto t = s.mapping(s.send(ping));
  counted_out(s, 1, 52);
  counted_made(s, 1, 1);
  const auto reply = ip4(kZ, t.address).icmp_echo_reply(t.port, 1).payload("ping");
  const auto answered = ip6(kPZ, kA).hop_limit(63).icmp_echo_reply(7, 1).payload("ping");
  const auto error = ip4(kRouter4, t.address)
                         .icmp4(3, 1)
                         .quote(ip4(t.address, kZ).icmp_echo(t.port, 1).payload("ping"));
  const auto passed = ip6(in_prefix(kRouter4), kA).hop_limit(63).icmp6(1, 0).quote(ping);
  error_passes(s, error, passed);
  s.expect(reply, answered);  // it ends nothing
  counted_in(s, 1, 32);
  s.wait(59'999);
  error_passes(s, error, passed);
  s.wait(1);
  s.nothing(reply);  // and it prolongs nothing
  s.counted({{DropReason::kNoBinding, 1}});
  counted_gone(s, 1, 1);
}

// Queries other than echo, redirects, source quench, and what ICMPv6 has of its own: single hop.
void other_messages(Script& s) {
  const auto t = open_flow(s);
  for (const uint8_t type : {9, 10, 13, 14, 15, 16, 17, 18, 30, 40, 42}) {
    s.nothing(ip4(kZ, t.address).icmp4(type, 0).payload(12));
  }
  for (const uint8_t type :
       {130, 131, 132, 133, 134, 135, 136, 137, 138, 139, 141, 143, 200, 255}) {
    s.nothing(ip6(kA, kPZ).icmp6(type, 0).payload(12));
  }
  for (const uint8_t type : {4, 5})
    s.nothing(ip4(kRouter4, t.address).icmp4(type, 0).quote(sent(t)));
  for (const uint8_t type : {100, 101, 127}) {
    s.nothing(ip6(kA, kPZ).icmp6(type, 0).quote(got(kPZ)));
  }
  s.counted({{DropReason::kIcmpUntranslatable, 11 + 14 + 2 + 3}});
}

// --- RFC 7857 ------------------------------------------------------------------------------------

void protocols_do_not_share_filters(Script& s) {
  const auto udp = open_flow(s);
  const auto tcp = s.mapping(s.send(ip6(kA, kPZ).tcp(5000, 80).flags("S")));
  counted_out(s, 1, 60);
  counted_made(s, 1, 1);
  s.check(udp.address == tcp.address, "one address for all protocols");
  // Choose a cell that only one of them has.
  if (udp.port == tcp.port) return;
  s.nothing(ip4(kZ, udp.address).tcp(80, udp.port).flags("A"));
  s.nothing(ip4(kZ, tcp.address).udp(53, tcp.port).payload("hello"));
  s.counted({{DropReason::kNoBinding, 2}});
}

void errors_from_inside_do_not_refresh(Script& s) {
  const auto t = open_flow(s);
  s.wait(299'999);
  error_passes(s, ip6(kA, kPZ).icmp6(1, 4).quote(got(kPZ)),
               out4(t, kZ).icmp4(3, 3).quote(udp_in(t).ttl(63)));
  s.wait(1);
  gone(s, t);
}

// A RST of the inside host to an inbound SYN: the session that the SYN made ends as if unanswered.
void reset_from_inside_does_not_refresh(Script& s) {
  const auto t = s.mapping(s.send(ip6(kA, kPZ).tcp(5000, 80).flags("S")));
  s.wait(239'999);
  s.expect(ip4(kZ2, t.address).tcp(81, t.port).flags("S"),
           ip6(kPZ2, kA).hop_limit(63).tcp(81, 5000).flags("S"));
  s.expect(ip6(kA, kPZ2).tcp(5000, 81).flags("RA"), out4(t, kZ2).tcp(t.port, 81).flags("RA"));
  s.wait(239'999);
  s.expect(ip6(kA, kPZ2).tcp(5000, 81).flags("R"), out4(t, kZ2).tcp(t.port, 81).flags("R"));
  s.wait(1);
  s.nothing(ip4(kZ2, t.address).tcp(81, t.port).flags("A"));
  counted_out(s, 3, 180);
  counted_in(s, 1, 40);
  counted_made(s, 1, 2);
  counted_gone(s, 1, 2);
  s.counted({{DropReason::kNoBinding, 1}});
}

// A new session that is refused for want of room does not prolong the others.
void refused_inbound_does_not_refresh(Script& s) {
  const auto t = open_flow(s);
  s.wait(299'999);
  s.nothing(udp_in(t, kZ2));
  s.counted({{DropReason::kSessionLimit, 1}});
  s.wait(1);
  gone(s, t);
}

// --- RFC 6146 5.3 --------------------------------------------------------------------------------

// From outside `most` sessions can be made, and no more; the inside has `own` more for itself.
std::function<void(Script&)> flooded(uint16_t most, uint16_t own, DropReason reason) {
  return [=](Script& s) {
    const auto t = open_flow(s);
    for (uint16_t i = 1; i < most; ++i) {
      s.expect(udp_in(t, kZ2, i), got(kPZ2, i));
      counted_in(s, 1, kUdp4);
      counted_made(s, 0, 1);
    }
    for (uint16_t i = 0; i < 3; ++i) s.nothing(udp_in(t, kRouter4, static_cast<uint16_t>(i + 1)));
    s.expect(udp_in(t), got());  // what there is goes on
    counted_in(s, 1, kUdp4);
    for (uint16_t port = 99; port < 99 + own; ++port) {
      s.expect(udp_out(5000, kPZ, port), out4(t, kZ).udp(t.port, port).payload("hello"));
      counted_out(s, 1, kUdp6);
      counted_made(s, 0, 1);
    }
    const auto refused = udp_out(5000, kPZ, 9999);
    s.expect(refused, ip6(kOwn6, kA).icmp6(1, 3).quote(refused));
    s.counted({{reason, 4}, {Counter::kIcmpErrorsSent, 1}});
  };
}

// --- RFC 6146 3.5.3: who may answer a query
// ---------------------------------------------------------

void query_from_others(Script& s, bool filtered) {
  const auto t = s.mapping(s.send(ip6(kA, kPZ).icmp_echo(7, 1).payload("ping")));
  const auto from = [&](const char* who) {
    return ip4(who, t.address).icmp_echo(t.port, 9).payload("ping");
  };
  const auto passed = [](const char* name) {
    return ip6(name, kA).hop_limit(63).icmp_echo(7, 9).payload("ping");
  };
  s.expect(from(kZ), passed(kPZ));
  if (filtered) {
    s.nothing(from(kZ2));
    s.counted({{DropReason::kFiltered, 1}});
  } else {
    s.expect(from(kZ2), passed(kPZ2));
    counted_in(s, 1, 32);
    counted_made(s, 0, 1);
  }
  counted_out(s, 1, 52);
  counted_in(s, 1, 32);
  counted_made(s, 1, 1);
}
void filtered_query(Script& s) {
  query_from_others(s, true);
}
void unfiltered_query(Script& s) {
  query_from_others(s, false);
}

// --- RFC 6146, RFC 6052 --------------------------------------------------------------------------

// The source of an inbound packet is embedded whatever it is, never looked up (RFC 6146 3.6.1).
void remote_is_a_pool_address(Script& s) {
  const auto t = open_flow(s);
  const auto b = s.mapping(s.send(ip6(kB, kPZ).udp(6000, 53).payload("hello")));
  counted_out(s, 1, kUdp6);
  s.expect(ip4(b.address, t.address).udp(b.port, t.port).payload("hello"),
           got(in_prefix(b.address), b.port));
  counted_in(s, 1, kUdp4);
  counted_made(s, 1, 2);
}

// The port and the address of the remote side are what the inside host wrote.
void remote_is_kept(Script& s) {
  for (const uint16_t port : {1, 80, 1023, 1024, 65535}) {
    const auto t = s.mapping(s.send(udp_out(5000, kPZ, port)));
    s.expect(udp_in(t, kZ, port), got(kPZ, port));
  }
  counted_out(s, 5, 5 * kUdp6);
  counted_in(s, 5, 5 * kUdp4);
  counted_made(s, 1, 5);
}

// An ICMP error obeys the rules for destinations that any packet obeys.
void error_to_no_host(Script& s) {
  open_flow(s);
  for (const char* remote : {"127.0.0.1", "0.0.0.1", "224.0.0.1", "255.255.255.255"}) {
    s.nothing(ip6(kA, in_prefix(remote)).icmp6(1, 4).quote(got(in_prefix(remote))));
  }
  s.counted({{DropReason::kFiltered, 4}});
}

void error_to_a_non_global_address(Script& s) {
  const auto t = s.mapping(s.send(udp_out(5000, "64:ff9b::8.8.8.8")));
  counted_out(s, 1, kUdp6);
  counted_made(s, 1, 1);
  s.nothing(ip6(kA, "64:ff9b::10.0.0.1").icmp6(1, 4).quote(got("64:ff9b::10.0.0.1")));
  s.counted({{DropReason::kWkpNonGlobal, 1}});
  error_passes(s, ip6(kA, "64:ff9b::8.8.8.8").icmp6(1, 4).quote(got("64:ff9b::8.8.8.8")),
               out4(t, "8.8.8.8").icmp4(3, 3).quote(udp_in(t, "8.8.8.8").ttl(63)));
}

void private_router_under_own_prefix(Script& s) {
  const auto t = open_flow(s);
  error_passes(s, ip4("10.1.1.1", t.address).icmp4(11, 0).quote(sent(t)),
               ip6(in_prefix("10.1.1.1"), kA).hop_limit(63).icmp6(3, 0).quote(udp_out(5000)));
}

// --- settings ------------------------------------------------------------------------------------

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
      {"RFC 4787 REQ-6: outbound packets refresh", stateful(), path(), outbound_refreshes},
      {"RFC 4787 REQ-11: a full pool changes nothing for who has a binding", four_ports, path(),
       full_pool_changes_nothing},
      {"RFC 4787 REQ-12: no ICMP error ends a mapping", stateful(), path(), no_icmp_ends_a_mapping},
      {"RFC 5508 REQ-3a: a wrong header checksum in the quote", stateful(), path(),
       quote_with_wrong_header_checksum},
      {"RFC 5508 REQ-3b: options in the quote", stateful(), path(), quote_with_options},
      {"RFC 5508 REQ-3c: a wrong transport checksum in the quote is left alone", stateful(), path(),
       quote_with_wrong_transport_checksum},
      {"RFC 5508 REQ-3d: an error with an extension", stateful(), path(), error_with_extension},
      {"RFC 5508 REQ-5: an error from inside about no mapping", stateful(), path(),
       error_about_nothing_from_inside},
      {"RFC 5508 REQ-6: an error about a query neither ends nor prolongs it", stateful(), path(),
       error_about_a_query},
      {"RFC 5508 REQ-11: messages that are neither query nor error", stateful(), path(),
       other_messages},
      {"RFC 7857 5, 6: mapping and filter are per protocol", stateful(), path(),
       protocols_do_not_share_filters},
      {"RFC 7857 7.1: ICMP errors from inside do not refresh", stateful(), path(),
       errors_from_inside_do_not_refresh},
      {"RFC 7857 7.1: a RST from inside to a SYN does not refresh", stateful(), path(),
       reset_from_inside_does_not_refresh},
      {"RFC 7857 7: a refused session does not refresh the others",
       changed([](auto& s) { s.max_sessions = 1; }), path(), refused_inbound_does_not_refresh},
      {"RFC 6146 3.5.3: address-dependent filtering of queries",
       changed([](auto& s) { s.instances[0].filtering = nat::Filtering::kAddressDependent; }),
       path(), filtered_query},
      {"RFC 6146 3.5.3: endpoint-independent filtering of queries", stateful(), path(),
       unfiltered_query},
      {"RFC 6146 5.3: a flood from outside leaves a subscriber its own sessions",
       changed([](auto& s) { s.subscriber_sessions = 8; }), path(),
       flooded(6, 2, DropReason::kSubscriberLimit)},
      {"RFC 6146 5.3: a flood from outside leaves the inside some of the table",
       changed([](auto& s) { s.max_sessions = 16; }), path(),
       flooded(14, 2, DropReason::kSessionLimit)},
      {"RFC 6146 3.6.1: the remote side is embedded, never looked up", stateful(), path(),
       remote_is_a_pool_address},
      {"RFC 6146 3.2: the remote port is never changed", stateful(), path(), remote_is_kept},
      {"RFC 1122 3.2.1.3: an ICMP error to an address that is no host", stateful(), path(),
       error_to_no_host},
      {"RFC 6052 3.1: an ICMP error to a non-global address",
       with_prefix(stateful(), "64:ff9b::/96"), path(), error_to_a_non_global_address},
      {"RFC 7915 4.1: error of a private router, own prefix", stateful(), path(),
       private_router_under_own_prefix},
  };
}

}  // namespace isthmus::test::rows_behave
