// SPDX-License-Identifier: BSD-3-Clause
// Who may open flows: allow and deny lists, amended lists of addresses, answers to the refused.
#include "packets/rows.h"

namespace isthmus::test::rows_access {
namespace {

constexpr const char* kInside = "2001:db8:46::192.0.2.5";
constexpr const char* kServer = "2001:db8:46::198.51.100.10";
constexpr uint64_t kUdp6 = 53, kUdp4 = 33;

using Six = std::vector<net::Ip6Prefix>;
using Four = std::vector<net::Ip4Prefix>;

net::Ip6Prefix six(const char* text) {
  return *net::parse_ip6_prefix(text);
}
net::Ip4Prefix four(const char* text) {
  return *net::parse_ip4_prefix(text);
}

std::shared_ptr<const nat::Access> outbound(nat::AccessList<net::Ip6Prefix> inside,
                                            nat::AccessList<net::Ip4Prefix> remote) {
  nat::Access access;
  access.ends[0] = {std::move(inside), std::move(remote)};
  return std::make_shared<const nat::Access>(std::move(access));
}
std::shared_ptr<const nat::Access> inbound(nat::AccessList<net::Ip6Prefix> inside,
                                           nat::AccessList<net::Ip4Prefix> remote) {
  nat::Access access;
  access.ends[1] = {std::move(inside), std::move(remote)};
  return std::make_shared<const nat::Access>(std::move(access));
}

nat::Settings guarded(std::shared_ptr<const nat::Access> access, bool answer = true) {
  auto settings = stateful();
  settings.instances[0].access = std::move(access);
  settings.instances[0].policy.answer_refused = answer;
  return settings;
}
nat::Settings guarded_stateless(std::shared_ptr<const nat::Access> access, bool answer = true) {
  auto settings = stateless();
  settings.stateless_access = {std::move(access)};
  settings.stateless[0].policy.answer_refused = answer;
  return settings;
}

Packet prohibited6(const char* to, const Bytes& offending) {
  return ip6(kOwn6, to).icmp6(1, 1).quote(offending);
}
Packet prohibited4(const char* to, const Bytes& offending) {
  return ip4(kOwn4, to).tos(0xc0).df().icmp4(3, 13).quote(offending);
}

Packet udp_to(const char* to, const char* from = kA) {
  return ip6(from, to).udp(5000, 53).payload("hello");
}

void refused6(Script& s, const Packet& packet, const char* from) {
  s.expect(packet, prohibited6(from, packet));
  s.counted({{DropReason::kDenied, 1}, {Counter::kIcmpErrorsSent, 1}});
}

// Z2 is denied, Z is not.
void remote_denied(Script& s) {
  s.send(udp_to(kPZ));
  refused6(s, udp_to(kPZ2), kA);
  refused6(s, ip6(kA, kPZ2).tcp(5000, 80).flags("S"), kA);
  refused6(s, ip6(kA, kPZ2).tcp(5000, 80).flags("A"), kA);
  // RFC 7915 5.4: never about ICMPv6.
  s.nothing(ip6(kA, kPZ2).icmp_echo(1, 1));
  s.counted({{DropReason::kDenied, 1}});
  counted_out(s, 1, kUdp6);
  counted_made(s, 1, 1);
}

void refused_silently(Script& s) {
  s.nothing(udp_to(kPZ2));
  s.counted({{DropReason::kDenied, 1}});
}

// Only B's prefix is allowed, but for one host in it.
void inside_allowed(Script& s) {
  refused6(s, udp_to(kPZ), kA);
  s.send(udp_to(kPZ, kB));
  refused6(s, udp_to(kPZ, "2001:db8:b::bad"), "2001:db8:b::bad");
  counted_out(s, 1, kUdp6);
  counted_made(s, 1, 1);
}

// Outbound lists say nothing about flows that begin outside, and the other way round.
void directions_are_apart(Script& s) {
  const auto t = s.mapping(s.send(udp_to(kPZ)));
  s.expect(ip4(kZ2, t.address).udp(7, t.port).payload("hello"),
           ip6(kPZ2, kA).hop_limit(63).udp(7, 5000).payload("hello"));
  // Its answers belong to a flow that exists.
  s.expect(ip6(kA, kPZ2).udp(5000, 7).payload("hello"),
           out4(t, kZ2).udp(t.port, 7).payload("hello"));
  refused6(s, udp_to(kPZ2), kA);
  counted_out(s, 2, 2 * kUdp6);
  counted_in(s, 1, kUdp4);
  counted_made(s, 1, 2);
}

void inbound_remote_denied(Script& s) {
  const auto t = s.mapping(s.send(udp_to(kPZ)));
  s.send(udp_to(kPZ2));  // from inside it is open
  const auto other = ip4(kZ2, t.address).udp(7, t.port).payload("hello");
  s.expect(other, prohibited4(kZ2, other));
  s.expect(ip4(kZ2, t.address).udp(53, t.port).payload("hello"),
           ip6(kPZ2, kA).hop_limit(63).udp(53, 5000).payload("hello"));
  // A SYN is not even held.
  const auto syn = ip4(kZ2, t.address).tcp(7, 40000).flags("S");
  s.expect(syn, prohibited4(kZ2, syn));
  counted_out(s, 2, 2 * kUdp6);
  counted_in(s, 1, kUdp4);
  counted_made(s, 1, 2);
  s.counted({{DropReason::kDenied, 2}, {Counter::kIcmpErrorsSent, 2}});
}

void inbound_inside_denied(Script& s) {
  const auto a = s.mapping(s.send(udp_to(kPZ)));
  const auto b = s.mapping(s.send(udp_to(kPZ, kB)));
  s.nothing(ip4(kZ2, a.address).udp(7, a.port).payload("hello"));
  s.expect(ip4(kZ2, b.address).udp(7, b.port).payload("hello"),
           ip6(kPZ2, kB).hop_limit(63).udp(7, 5000).payload("hello"));
  counted_out(s, 2, 2 * kUdp6);
  counted_in(s, 1, kUdp4);
  counted_made(s, 2, 3);
  s.counted({{DropReason::kDenied, 1}});
}

void fragments_denied(Script& s) {
  const auto whole = ip6(kA, kPZ2).udp(5000, 53).payload(72);
  s.nothing(whole.slice(40, 40, 7));
  s.check(s.burst({whole.slice(0, 40, 7)}).empty(), "no fragment is let through or answered twice");
  s.counted({{DropReason::kDenied, 1}, {DropReason::kFragment, 1}, {Counter::kFragmentsHeld, 1}});
}

void stateless_denied(Script& s) {
  const auto out = udp_to(kServer, kInside);
  s.expect(out, prohibited6(kInside, out));
  s.expect(udp_to("2001:db8:46::198.51.100.20", kInside),
           ip4("192.0.2.5", kZ2).ttl(63).udp(5000, 53).payload("hello"));
  // The other direction has lists of its own; errors are about packets that were looked at.
  s.expect(ip4(kZ, "192.0.2.5").udp(53, 5000).payload("hello"),
           ip6(kServer, kInside).hop_limit(63).udp(53, 5000).payload("hello"));
  s.counted({{DropReason::kDenied, 1},
             {Counter::kIcmpErrorsSent, 1},
             {Counter::kSiitOut, 1},
             {Counter::kSiitIn, 1}});
}

void stateless_inbound(Script& s) {
  const auto in = ip4(kZ, "192.0.2.5").udp(53, 5000).payload("hello");
  s.expect(in, prohibited4(kZ, in));
  s.expect(ip4(kZ2, "192.0.2.5").udp(53, 5000).payload("hello"),
           ip6("2001:db8:46::198.51.100.20", kInside).hop_limit(63).udp(53, 5000).payload("hello"));
  const auto error =
      ip4(kZ, "192.0.2.5").icmp4(3, 3).quote(ip4("192.0.2.5", kZ).udp(5000, 53).payload("hello"));
  s.check(s.burst({error}).size() == 1, "an error passes");
  s.counted({{DropReason::kDenied, 1},
             {Counter::kIcmpErrorsSent, 1},
             {Counter::kSiitIn, 2},
             {Counter::kIcmpErrorsTranslated, 1}});
}

// Ten thousand entries, of which the longest that matches counts.
std::shared_ptr<const nat::Access> many() {
  Four allow{four("198.51.100.0/24")}, deny{four("0.0.0.0/0"), four("198.51.100.20/32")};
  for (uint32_t i = 0; i < 10'000; ++i) {
    deny.push_back({net::Ip4::from_host(0x0b000000 + (i << 8)), 24});
  }
  return outbound({}, {allow, deny});
}

void among_many(Script& s) {
  s.send(udp_to(kPZ));
  refused6(s, udp_to(kPZ2), kA);
  refused6(s, udp_to("2001:db8:64::11.0.9.9"), kA);
  refused6(s, udp_to("2001:db8:64::9.9.9.9"), kA);
  counted_out(s, 1, kUdp6);
  counted_made(s, 1, 1);
}

// --- addresses -----------------------------------------------------------------------------------

void forbidden(Script& s) {
  const auto private_one = udp_to("2001:db8:64::10.0.0.1");
  s.expect(private_one, prohibited6(kA, private_one));
  const auto t = s.mapping(s.send(udp_to(kPZ)));
  s.nothing(ip4("10.0.0.1", t.address).udp(7, t.port).payload("hello"));
  s.expect(ip4("10.9.0.1", t.address).udp(7, t.port).payload("hello"),
           ip6("2001:db8:64::10.9.0.1", kA).hop_limit(63).udp(7, 5000).payload("hello"));
  // Nor as the router that an ICMP error comes from.
  const auto quote = ip4(t.address, kZ).udp(t.port, 53).payload("hello");
  s.nothing(ip4("10.0.0.1", t.address).icmp4(11, 0).quote(quote));
  counted_out(s, 1, kUdp6);
  counted_in(s, 1, kUdp4);
  counted_made(s, 1, 2);
  s.counted(
      {{DropReason::kFiltered, 1}, {DropReason::kIllegalSource, 2}, {Counter::kIcmpErrorsSent, 1}});
}

void benchmark_range(Script& s) {
  const auto t = s.mapping(s.send(udp_to("64:ff9b::198.18.0.1")));
  s.expect(ip4("198.19.255.1", t.address).udp(7, t.port).payload("hello"),
           ip6("64:ff9b::198.19.255.1", kA).hop_limit(63).udp(7, 5000).payload("hello"));
  const auto other = udp_to("64:ff9b::10.0.0.1");
  s.expect(other, prohibited6(kA, other));
  counted_out(s, 1, kUdp6);
  counted_in(s, 1, kUdp4);
  counted_made(s, 1, 2);
  s.counted({{DropReason::kWkpNonGlobal, 1}, {Counter::kIcmpErrorsSent, 1}});
}

void stateless_forbidden(Script& s) {
  const auto out = udp_to("2001:db8:46::10.0.0.1", kInside);
  s.expect(out, prohibited6(kInside, out));
  const auto in = ip4("10.0.0.1", "192.0.2.5").udp(53, 5000).payload("hello");
  s.expect(in, prohibited4("10.0.0.1", in));
  s.counted({{DropReason::kNoMapping, 2}, {Counter::kIcmpErrorsSent, 2}});
}

// Conflict C3, recommended: errors pass under a prefix of one's own, bearing the router's address.
void private_router(Script& s, const char* prefix) {
  const auto name = [&](const char* address) { return std::string(prefix) + address; };
  const auto sent = ip6(kA, name(kZ)).udp(5000, 53).payload("hello");
  const auto t = s.mapping(s.send(sent));
  const auto quote = ip4(t.address, kZ).udp(t.port, 53).payload("hello");
  uint64_t bytes = 0;
  // RFC 7915 4.1: also what may not send anything else.
  for (const char* router : {"10.1.1.1", "192.168.1.1", "127.0.0.1"}) {
    const auto error = ip4(router, t.address).icmp4(11, 0).quote(quote);
    s.expect(error, ip6(name(router), kA).hop_limit(63).icmp6(3, 0).quote(sent));
    bytes += error.bytes().size();
  }
  counted_out(s, 1, kUdp6);
  counted_in(s, 3, bytes);
  counted_made(s, 1, 1);
  s.counted({{Counter::kIcmpErrorsTranslated, 3}});
}
void private_router_own_prefix(Script& s) {
  private_router(s, "2001:db8:64::");
}
void private_router_local_prefix(Script& s) {
  private_router(s, "64:ff9b:1:fffe::");
}

}  // namespace

std::vector<Row> rows() {
  const auto deny_z2 = outbound({}, {{}, Four{four("198.51.100.20/32")}});
  auto forbids = stateful();
  forbids.addresses = {{four("10.9.0.0/16")}, {four("10.0.0.0/8")}};
  auto benchmarks = with_prefix(stateful(), "64:ff9b::/96");
  benchmarks.addresses = {{four("198.18.0.0/15")}, {}};
  auto stateless_forbids = stateless();
  stateless_forbids.addresses =
      stateless_forbids.stateless[0].addresses = {{}, {four("10.0.0.0/8")}};
  return {
      {"conflict C4: a denied destination is answered 1/1", guarded(deny_z2), path(),
       remote_denied},
      {"conflict C4: the knob makes it silent", guarded(deny_z2, false), path(), refused_silently},
      {"access: only those that are allowed, the longest prefix counts",
       guarded(outbound({Six{six("2001:db8:b::/48")}, Six{six("2001:db8:b::bad/128")}}, {})),
       path(), inside_allowed},
      {"access: each direction has its own lists", guarded(deny_z2), path(), directions_are_apart},
      {"conflict C4: a denied source is answered 3/13",
       guarded(inbound({}, {{}, Four{four("198.51.100.20/32")}})), path(), inbound_remote_denied},
      {"access: hosts that nobody may call",
       guarded(inbound({{}, Six{six("2001:db8:a::/48")}}, {}), false), path(),
       inbound_inside_denied},
      {"access: fragments", guarded(deny_z2, false), path(), fragments_denied},
      {"access: stateless, out",
       guarded_stateless(outbound({}, {{}, Four{four("198.51.100.10/32")}})), path(),
       stateless_denied},
      {"access: stateless, in",
       guarded_stateless(inbound({}, {{}, Four{four("198.51.100.10/32")}})), path(),
       stateless_inbound},
      {"access: among ten thousand", guarded(many()), path(), among_many},
      {"addresses.forbidden: neither source nor destination", forbids, path(), forbidden},
      {"addresses.global: 198.18/15 under the well-known prefix", benchmarks, path(),
       benchmark_range},
      {"addresses.forbidden: stateless", stateless_forbids, path(), stateless_forbidden},
      {"conflict C3: error of a private router, own prefix", stateful(), path(),
       private_router_own_prefix},
      {"conflict C3: error of a private router, local-use prefix (RFC 8215)",
       with_prefix(stateful(), "64:ff9b:1:fffe::/96"), path(), private_router_local_prefix},
  };
}

}  // namespace isthmus::test::rows_access
