// SPDX-License-Identifier: BSD-3-Clause
// Prefixes and addresses: RFC 6052, RFC 6146 3.5, RFC 7915 4.1, 5.1.
#include "packets/rows.h"

namespace isthmus::test::rows_address {
namespace {

constexpr const char* kHost = "2a00:1450::a";
constexpr uint64_t kUdp6 = 53, kUdp4 = 33;

// Out to `sent_to`, and back from `name`: they differ if the suffix was not zero.
std::function<void(Script&)> there_and_back(const char* server, const char* sent_to,
                                            const char* name) {
  return [=](Script& s) {
    const auto in = ip6(kHost, sent_to).udp(5000, 53).payload("hello");
    for (int i = 0; i < 2; ++i) {  // new, and established
      const auto out = s.send(in);
      const auto t = s.mapping(out);
      s.same(out4(t, server).udp(t.port, 53).payload("hello"), out);
      s.expect(ip4(server, t.address).udp(53, t.port).payload("hello"),
               ip6(name, kHost).hop_limit(63).udp(53, 5000).payload("hello"));
    }
    counted_out(s, 2, 2 * kUdp6);
    counted_in(s, 2, 2 * kUdp4);
    counted_made(s, 1, 1);
  };
}

void source_in_prefix(Script& s) {
  s.nothing(ip6(kPZ, kPZ2).udp(5000, 53).payload("hello"));
  s.nothing(ip6(kPZ, kPZ2).tcp(5000, 80).flags("S"));
  s.nothing(ip6(kPZ, kPZ2).icmp_echo(1, 1));
  s.nothing(ip6(kPZ, kPZ2).icmp6(1, 4).quote(ip6(kPZ2, kA).udp(1, 2)));
  s.nothing(ip6(kPZ, kPZ2).raw(132, pattern(24)));
  s.counted({{DropReason::kSourceInPrefix, 5}});
}

void illegal_source_6(Script& s) {
  for (const char* source : {"::1", "::", "fe80::1", "ff02::1", "::ffff:192.0.2.1"}) {
    s.nothing(ip6(source, kPZ).udp(5000, 53).payload("hello"));
  }
  s.counted({{DropReason::kIllegalSource, 5}});
}

void illegal_source_4(Script& s) {
  const auto t = s.mapping(s.send(ip6(kA, kPZ).udp(5000, 53).payload("hello")));
  for (const char* source : {"127.0.0.1", "0.0.0.1", "224.0.0.1", "255.255.255.255"}) {
    s.nothing(ip4(source, t.address).udp(5000, t.port).payload("hello"));
  }
  counted_out(s, 1, kUdp6);
  counted_made(s, 1, 1);
  s.counted({{DropReason::kIllegalSource, 4}});
}

// RFC 7915 5.4: "communication with destination administratively prohibited".
void prohibited(Script& s, const Packet& in) {
  s.expect(in, ip6(kOwn6, kA).icmp6(1, 1).quote(in));
  s.counted({{Counter::kIcmpErrorsSent, 1}});
}

void no_host_there(Script& s) {
  for (const char* destination : {"127.0.0.1", "0.0.0.1", "224.0.0.1", "255.255.255.255"}) {
    prohibited(s, ip6(kA, in_prefix(destination)).udp(5000, 53).payload("hello"));
  }
  s.counted({{DropReason::kFiltered, 4}});
}

void well_known_refuses(Script& s) {
  prohibited(s, ip6(kA, "64:ff9b::198.51.100.10").udp(5000, 53).payload("hello"));
  prohibited(s, ip6(kA, "64:ff9b::10.0.0.1").tcp(5000, 80).flags("S"));
  s.nothing(ip6(kA, "64:ff9b::192.168.1.1").icmp_echo(1, 1));  // never about ICMPv6
  s.counted({{DropReason::kWkpNonGlobal, 3}});
}

void well_known_private_router(Script& s) {
  const auto t = s.mapping(s.send(ip6(kA, "64:ff9b::8.8.8.8").udp(5000, 53).payload("hello")));
  const auto quote = ip4(t.address, "8.8.8.8").udp(t.port, 53).payload("hello");
  s.nothing(ip4("10.1.1.1", t.address).icmp4(11, 0).quote(quote));
  counted_out(s, 1, kUdp6);
  counted_made(s, 1, 1);
  s.counted({{DropReason::kWkpNonGlobal, 1}});
}

// The inside may open to it under the other prefix: RFC 6146 3.5.2.2, V4 INIT.
void well_known_beside_another(Script& s) {
  const auto syn = ip4("10.1.1.1", "203.0.113.1").tcp(80, 40000).flags("S");
  s.nothing(syn);
  s.counted({{DropReason::kSynHeld, 1}});
  const auto error = s.wait_for_one(6'500);
  s.same(ip4(kOwn4, "10.1.1.1").tos(0xc0).df().icmp4(3, 3).quote(syn), error);
  s.counted({{Counter::kIcmpErrorsSent, 1}});
  const auto t = s.mapping(s.send(ip6(kA, in_prefix("10.1.1.1")).udp(5000, 53).payload("hello")));
  s.expect(ip4("10.1.1.1", t.address).udp(53, t.port).payload("hello"),
           ip6(in_prefix("10.1.1.1"), kA).hop_limit(63).udp(53, 5000).payload("hello"));
  counted_out(s, 1, kUdp6);
  counted_in(s, 1, kUdp4);
  counted_made(s, 1, 1);
}

nat::Settings well_known_first() {
  auto settings = with_prefix(stateful(), "64:ff9b::/96");
  settings.instances[0].prefixes.push_back(stateful().instances[0].prefixes[0]);
  return settings;
}

nat::Settings well_known(bool allow) {
  auto settings = with_prefix(stateful(), "64:ff9b::/96");
  settings.instances[0].allow_non_global = allow;
  return settings;
}

}  // namespace

std::vector<Row> rows() {
  const char* z = "192.0.2.33";
  const auto row = [z](const char* prefix, const char* to, const char* name) {
    return Row{std::string("RFC 6052 2.2: prefix ") + prefix + ", to " + to,
               with_prefix(stateful(), prefix), path(), there_and_back(z, to, name)};
  };
  const auto same = [&row](const char* prefix, const char* to) { return row(prefix, to, to); };
  return {
      same("2001:db8::/32", "2001:db8:c000:221::"),
      same("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
      same("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
      same("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
      same("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
      same("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
      row("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100:7", "2001:db8:122:344:c0:2:2100::"),
      row("2001:db8::/32", "2001:db8:c000:221:ff00::1", "2001:db8:c000:221::"),
      {"RFC 6052 3.1: well-known prefix carries global addresses", well_known(false), path(),
       there_and_back("8.8.8.8", "64:ff9b::8.8.8.8", "64:ff9b::8.8.8.8")},
      {"RFC 6052 3.1: well-known prefix refuses others", well_known(false), path(),
       well_known_refuses},
      {"conflict C3: the knob lets them pass", well_known(true), path(),
       there_and_back("10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::10.0.0.1")},
      {"conflict C3: error of a private router, well-known prefix", well_known(false), path(),
       well_known_private_router},
      {"RFC 6052 3.1: a stored SYN from where only another prefix reaches", well_known_first(),
       path(), well_known_beside_another},
      {"RFC 6146 3.5: source in the prefix is dropped silently", stateful(), path(),
       source_in_prefix},
      {"RFC 7915 5.1: illegal IPv6 source", stateful(), path(), illegal_source_6},
      {"RFC 7915 4.1: illegal IPv4 source", stateful(), path(), illegal_source_4},
      {"RFC 1122 3.2.1.3: destination that is no host", stateful(), path(), no_host_there},
  };
}

}  // namespace isthmus::test::rows_address
