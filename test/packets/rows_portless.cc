// SPDX-License-Identifier: BSD-3-Clause
// Protocols without ports (Instance::portless): one host each per (protocol, pool address, remote).
#include "packets/rows.h"

namespace isthmus::test::rows_portless {
namespace {

constexpr uint8_t kEsp = 50, kGre = 47, kSctp = 132;
// What data() makes of 24 octets.
constexpr uint64_t kLength6 = 64, kLength4 = 44;
constexpr const char* kA2 = "2001:db8:a::aa";  // of A's subscriber

Bytes data(uint8_t first = 0) {
  return pattern(24, first);
}
Packet from(const char* host, uint8_t protocol = kEsp, const std::string& to = kPZ) {
  return ip6(host, to).raw(protocol, data(protocol));
}
Packet at_remote(const std::string& address, uint8_t protocol = kEsp, const char* to = kZ) {
  return ip4(address, to).ttl(63).raw(protocol, data(protocol));
}
Packet reply(const std::string& address, uint8_t protocol = kEsp, const char* remote = kZ) {
  return ip4(remote, address).raw(protocol, data(99));
}
Packet at_host(const char* host, uint8_t protocol = kEsp, const char* remote = kPZ) {
  return ip6(remote, host).hop_limit(63).raw(protocol, data(99));
}

// A new flow comes out; its pool address.
std::string open(Script& s, const Packet& in) {
  const auto out = s.send(in);
  counted_out(s, 1, kLength6);
  counted_made(s, 1, 1);
  return s.mapping(out).address;
}

void refused(Script& s, const char* host, const Packet& in, DropReason reason) {
  s.expect(in, ip6(kOwn6, host).icmp6(1, 3).quote(in));
  s.counted({{reason, 1}, {Counter::kIcmpErrorsSent, 1}});
}

// --- out and back -------------------------------------------------------------------------------

std::function<void(Script&)> there_and_back(uint8_t protocol) {
  return [protocol](Script& s) {
    const auto out = s.send(from(kA, protocol));
    const auto address = s.mapping(out).address;
    s.same(at_remote(address, protocol), out);
    s.expect(reply(address, protocol), at_host(kA, protocol));
    s.expect(from(kA, protocol), at_remote(address, protocol));
    // Only from there, and only this protocol.
    s.nothing(reply(address, protocol, kZ2));
    s.nothing(reply(address, protocol == kGre ? kEsp : kGre));
    counted_out(s, 2, 2 * kLength6);
    counted_in(s, 1, kLength4);
    counted_made(s, 1, 1);
    s.counted({{DropReason::kNoBinding, 2}});
  };
}

// RFC 6052 2.2: a /48, whose address goes around octet u.
void another_prefix(Script& s) {
  const char* name = "2001:db8:64:c633:64:a00::";
  const auto address = open(s, from(kA, kEsp, name));
  s.expect(reply(address), at_host(kA, kEsp, name));
  const auto sent = ip4(address, kZ).ttl(5).raw(kEsp, data(kEsp));
  const auto seen = ip6(kA, name).hop_limit(5).raw(kEsp, data(kEsp));
  s.expect(ip4(kZ, address).icmp4(11, 0).quote(sent),
           ip6(name, kA).hop_limit(63).icmp6(3, 0).quote(seen));
  counted_in(s, 2, 28 + 2 * kLength4);
  s.counted({{Counter::kIcmpErrorsTranslated, 1}});
}

void unasked(Script& s) {
  s.nothing(reply("203.0.113.1"));
  s.counted({{DropReason::kNoBinding, 1}});
}

void same_flow_twice_in_a_burst(Script& s) {
  const auto out = s.burst({from(kA), from(kA), from(kA, kEsp, kPZ2), from(kA)});
  s.check(out.size() == 4, "four packets");
  const auto address = s.mapping(out[0]).address;
  for (const std::size_t i : {0u, 1u, 3u}) s.same(at_remote(address), out[i]);
  s.same(at_remote(address, kEsp, kZ2), out[2]);
  counted_out(s, 4, 4 * kLength6);
  counted_made(s, 2, 2);
}

// PPTP: what TCP sets up, GRE has to come from the same address.
void protocols_share_the_address(Script& s) {
  for (int network = 1; network <= 20; ++network) {
    const auto host = "2001:db8:" + std::to_string(network) + "::1";
    const auto remote = "198.51.100." + std::to_string(network);
    const auto tcp = s.send(ip6(host, in_prefix(remote)).tcp(5000, 1723).flags("S"));
    const auto gre = open(s, from(host.c_str(), kGre, in_prefix(remote)));
    const auto esp =
        open(s, from(host.c_str(), kEsp, in_prefix("192.0.2." + std::to_string(network))));
    s.check(s.mapping(tcp).address == gre && gre == esp, "one host, several addresses");
    counted_out(s, 1, 60);
    counted_made(s, 1, 1);
  }
}

void gre_first(Script& s) {
  for (int network = 1; network <= 20; ++network) {
    const auto host = "2001:db8:" + std::to_string(network) + "::1";
    const auto remote = "198.51.100." + std::to_string(network);
    const auto gre = open(s, from(host.c_str(), kGre, in_prefix(remote)));
    const auto tcp = s.send(ip6(host, in_prefix(remote)).tcp(5000, 1723).flags("S"));
    s.check(s.mapping(tcp).address == gre, "one host, two addresses");
    counted_out(s, 1, 60);
    counted_made(s, 1, 1);
  }
}

// --- whose (protocol, address, remote) is -------------------------------------------------------

void one_host_per_remote(Script& s) {
  const auto address = open(s, from(kA));
  refused(s, kB, from(kB), DropReason::kPoolExhausted);
  refused(s, kA2, from(kA2), DropReason::kPoolExhausted);
  // Another remote, another protocol.
  open(s, from(kB, kEsp, kPZ2));
  open(s, from(kB, kGre));
  s.expect(reply(address), at_host(kA));
  s.expect(reply(address, kEsp, kZ2), at_host(kB, kEsp, kPZ2));
  s.expect(reply(address, kGre), at_host(kB, kGre));
  counted_in(s, 3, 3 * kLength4);
  s.wait(302'000);
  counted_gone(s, 3, 3);
  open(s, from(kB));
  s.expect(reply(address), at_host(kB));
  counted_in(s, 1, kLength4);
}

void hard_pairing(Script& s) {
  open(s, from(kA));
  refused(s, kA2, from(kA2), DropReason::kPoolExhausted);
}

void soft_pairing(Script& s) {
  const auto first = open(s, from(kA));
  const auto second = open(s, from(kA2));
  s.check(first != second, "two hosts speak for one");
  s.expect(reply(first), at_host(kA));
  s.expect(reply(second), at_host(kA2));
  counted_in(s, 2, 2 * kLength4);
}

// --- lifetime -----------------------------------------------------------------------------------

std::function<void(Script&)> lives(uint32_t seconds) {
  return [seconds](Script& s) {
    const auto address = open(s, from(kA));
    for (int round = 0; round < 2; ++round) {
      s.wait(1000 * (seconds - 1));
      s.expect(reply(address), at_host(kA));
      s.wait(1000 * (seconds - 1));
      s.expect(from(kA), at_remote(address));
    }
    counted_out(s, 2, 2 * kLength6);
    counted_in(s, 2, 2 * kLength4);
    s.wait(1000 * seconds);
    s.nothing(reply(address));
    counted_gone(s, 1, 1);
    s.counted({{DropReason::kNoBinding, 1}});
  };
}

void not_refreshed(Script& s) {
  const auto address = open(s, from(kA));
  s.wait(299'000);
  s.expect(reply(address), at_host(kA));
  s.wait(1'000);
  s.nothing(reply(address));
  counted_in(s, 1, kLength4);
  counted_gone(s, 1, 1);
  s.counted({{DropReason::kNoBinding, 1}});
}

// --- errors -------------------------------------------------------------------------------------

void errors_from_outside(Script& s) {
  const auto address = open(s, from(kA));
  const auto sent = ip4(address, kZ).ttl(5).raw(kEsp, data(kEsp));
  const auto seen = ip6(kA, kPZ).hop_limit(5).raw(kEsp, data(kEsp));
  const char* router = "192.0.2.99";
  s.expect(ip4(router, address).icmp4(11, 0).quote(sent),
           ip6(in_prefix(router), kA).hop_limit(63).icmp6(3, 0).quote(seen));
  s.expect(ip4(router, address).icmp4(3, 4, 1400).quote(sent),
           ip6(in_prefix(router), kA).hop_limit(63).icmp6(2, 0, 1420).quote(seen));
  s.expect(ip4(kZ, address).icmp4(3, 2).quote(sent, 28),
           ip6(kPZ, kA).hop_limit(63).icmp6(4, 1, 6).quote(seen, 48));
  counted_in(s, 3, 2 * (28 + kLength4) + 56);
  s.counted({{Counter::kIcmpErrorsTranslated, 3}});
  // About what was never sent; to somebody else than its sender.
  s.nothing(ip4(router, address).icmp4(11, 0).quote(ip4(address, kZ2).raw(kEsp, data())));
  s.nothing(ip4(router, address).icmp4(11, 0).quote(ip4(address, kZ).raw(kGre, data())));
  s.nothing(ip4(router, address).icmp4(11, 0).quote(ip4(kZ2, kZ).raw(kEsp, data())));
  s.counted({{DropReason::kNoSession, 2}, {DropReason::kIcmpInner, 1}});
}

void errors_from_inside(Script& s) {
  const auto address = open(s, from(kA));
  const auto sent = ip6(kPZ, kA).hop_limit(5).raw(kEsp, data(99));
  const auto seen = ip4(kZ, address).ttl(5).raw(kEsp, data(99));
  s.expect(ip6(kA, kPZ).icmp6(1, 4).quote(sent), ip4(address, kZ).ttl(63).icmp4(3, 3).quote(seen));
  s.expect(ip6("2001:db8:a::1", kPZ).icmp6(2, 0, 1400).quote(sent),
           ip4(address, kZ).ttl(63).icmp4(3, 4, 1380).quote(seen));
  counted_out(s, 2, 2 * (48 + kLength6));
  s.counted({{Counter::kIcmpErrorsTranslated, 2}});
  s.nothing(ip6(kB, kPZ).icmp6(1, 4).quote(ip6(kPZ, kB).raw(kEsp, data())));
  s.counted({{DropReason::kNoSession, 1}});
}

void errors_do_not_refresh(Script& s) {
  const auto address = open(s, from(kA));
  s.wait(299'000);
  s.send(ip4(kZ, address).icmp4(3, 1).quote(ip4(address, kZ).raw(kEsp, data(kEsp))));
  counted_in(s, 1, 28 + kLength4);
  s.counted({{Counter::kIcmpErrorsTranslated, 1}});
  s.wait(3'000);
  counted_gone(s, 1, 1);
}

void hop_limit(Script& s) {
  const auto address = open(s, from(kA));
  const auto out = from(kA).hop_limit(1);
  s.expect(out, ip6(kOwn6, kA).icmp6(3, 0).quote(out));
  const auto in = reply(address).ttl(1);
  s.expect(in, ip4(kOwn4, kZ).tos(0xc0).df().icmp4(11, 0).quote(in));
  s.counted({{DropReason::kHopLimit, 2}, {Counter::kIcmpErrorsSent, 2}});
}

void too_big(Script& s) {
  const auto address = open(s, from(kA));
  const auto in = ip4(kZ, address).df().raw(kEsp, pattern(1480));
  s.expect(in, ip4(kOwn4, kZ).tos(0xc0).df().icmp4(3, 4, 1480).quote(in, 548));
  s.counted({{DropReason::kTooBig, 1}, {Counter::kIcmpErrorsSent, 1}});
}

// --- fragments ----------------------------------------------------------------------------------

// Each goes by itself, whatever came before.
void fragments_out(Script& s) {
  const auto whole = ip6(kA, kPZ).raw(kGre, pattern(100));
  const auto out = s.burst({whole.slice(56, 44, 0x10007), whole.slice(0, 56, 0x10007)});
  s.check(out.size() == 2, "two fragments");
  const auto address = s.mapping(out[0]).address;
  const auto expected = ip4(address, kZ).ttl(63).raw(kGre, pattern(100));
  s.check(out[0] == expected.slice(56, 44, 7) && out[1] == expected.slice(0, 56, 7),
          "fragments changed");
  counted_out(s, 2, 2 * 48 + 100);
  counted_made(s, 1, 1);
}

void fragments_in(Script& s) {
  const auto address = open(s, from(kA, kGre));
  const auto whole = ip4(kZ, address).raw(kGre, pattern(100));
  const auto seen = ip6(kPZ, kA).hop_limit(63).raw(kGre, pattern(100));
  for (const std::size_t at : {56u, 0u}) {
    const std::size_t length = at == 0 ? 56 : 44;
    const auto out = s.burst({whole.slice(at, length, 9)});
    s.check(out.size() == 1 && out[0] == seen.slice(at, length, 9), "fragment changed");
  }
  counted_in(s, 2, 2 * 20 + 100);
  // Of nobody's.
  const auto other = ip4(kZ2, address).raw(kGre, pattern(100));
  s.nothing(other.slice(56, 44, 9));
  s.nothing(other.slice(0, 56, 9));
  s.counted({{DropReason::kNoBinding, 2}});
}

void error_about_a_fragment(Script& s) {
  const auto address = open(s, from(kA, kGre));
  const auto sent = ip4(address, kZ).ttl(5).raw(kGre, pattern(100)).slice(56, 44, 7);
  const auto seen = ip6(kA, kPZ).hop_limit(5).raw(kGre, pattern(100)).slice(56, 44, 7);
  s.expect(ip4(kZ2, address).icmp4(11, 0).quote(sent),
           ip6(kPZ2, kA).hop_limit(63).icmp6(3, 0).quote(seen));
  counted_in(s, 1, 28 + 20 + 44);
  s.counted({{Counter::kIcmpErrorsTranslated, 1}});
}

// --- what is refused ----------------------------------------------------------------------------

void others_are_answered(Script& s) {
  const auto out = from(kA, kGre), in = reply("203.0.113.1", kGre);
  s.expect(out, ip6(kOwn6, kA).icmp6(1, 4).quote(out));
  s.expect(in, ip4(kOwn4, kZ).tos(0xc0).df().icmp4(3, 2).quote(in));
  s.counted({{DropReason::kProtocol, 2}, {Counter::kIcmpErrorsSent, 2}});
}

void sessions_of_a_subscriber(Script& s) {
  for (int i = 1; i <= 4; ++i) open(s, from(kA, kEsp, in_prefix("192.0.2." + std::to_string(i))));
  refused(s, kA, from(kA), DropReason::kSubscriberLimit);
  refused(s, kA2, from(kA2), DropReason::kSubscriberLimit);
  open(s, from(kB));
}

void forged_and_denied(Script& s) {
  s.nothing(ip6("2001:db8:64::1", kPZ).raw(kEsp, data()));
  s.counted({{DropReason::kSourceInPrefix, 1}});
  const auto loopback = ip6(kA, in_prefix("127.0.0.1")).raw(kEsp, data());
  s.expect(loopback, ip6(kOwn6, kA).icmp6(1, 1).quote(loopback));
  s.counted({{DropReason::kFiltered, 1}, {Counter::kIcmpErrorsSent, 1}});
}

// --- hairpinning --------------------------------------------------------------------------------

// Each speaks of the other by its pool address, and has to be on another one than that.
void hairpin(Script& s) {
  const auto a = open(s, from(kA, kGre));
  std::string host, b = a;
  for (int network = 1; b == a && network < 1000; ++network) {
    host = "2001:db8:" + std::to_string(network) + "::1";
    b = open(s,
             from(host.c_str(), kGre, in_prefix("192.0.2." + std::to_string(network % 250 + 1))));
  }
  const auto to_b = ip6(kA, in_prefix(b)).raw(kGre, data(1));
  const auto to_a = ip6(host, in_prefix(a)).raw(kGre, data(2));
  s.nothing(to_b);  // B has not spoken yet
  s.expect(to_a, ip6(in_prefix(b), kA).hop_limit(63).raw(kGre, data(2)));
  s.expect(to_b, ip6(in_prefix(a), host).hop_limit(63).raw(kGre, data(1)));
  counted_out(s, 3, 3 * kLength6);
  counted_in(s, 2, 2 * kLength4);
  counted_made(s, 2, 2);
  s.counted({{Counter::kHairpin, 3}, {DropReason::kNoBinding, 1}});
}

// --- static bindings ----------------------------------------------------------------------------

// The whole address is the host's: anybody may send to it.
void whole_address(Script& s) {
  const char* bound = "203.0.113.1";
  s.expect(reply(bound), at_host(kA));
  s.expect(from(kA), at_remote(bound));
  s.expect(reply(bound, kEsp, kZ2), at_host(kA, kEsp, kPZ2));
  s.expect(from(kA, kGre), at_remote(bound, kGre));
  counted_in(s, 2, 2 * kLength4);
  counted_out(s, 2, 2 * kLength6);
  counted_made(s, 3, 3);
  s.wait(302'000);
  counted_gone(s, 3, 3);
  s.expect(reply(bound), at_host(kA));
  counted_in(s, 1, kLength4);
  counted_made(s, 1, 1);
}

void whole_address_is_nobody_elses(Script& s) {
  for (int network = 1; network <= 40; ++network) {
    const auto host = "2001:db8:" + std::to_string(network) + "::1";
    const auto remote = "192.0.2." + std::to_string(network);
    s.check(open(s, from(host.c_str(), kEsp, in_prefix(remote))) != "203.0.113.1",
            "lends an address that is bound statically");
  }
}

// --- an address that the box has, too -----------------------------------------------------------

void shared_address(Script& s) {
  s.local(reply(kOwn4));
  s.check(open(s, from(kA)) == kOwn4, "not the shared address");
  s.expect(reply(kOwn4), at_host(kA));
  counted_in(s, 1, kLength4);
  s.local(reply(kOwn4, kEsp, kZ2));
  s.local(reply(kOwn4, kGre));
  s.local(reply(kOwn4, 89));  // not carried
  s.local(std::vector<Bytes>{ip4(kZ2, kOwn4).raw(kEsp, pattern(100)).slice(56, 44, 9)});
  s.local(ip4(kZ2, kOwn4).icmp4(11, 0).quote(ip4(kOwn4, kZ2).raw(kEsp, data())));
  s.send(ip4(kZ2, kOwn4).icmp4(11, 0).quote(ip4(kOwn4, kZ).raw(kEsp, data())));
  counted_in(s, 1, 28 + kLength4);
  s.counted({{Counter::kIcmpErrorsTranslated, 1}});
}

// --- settings -----------------------------------------------------------------------------------

nat::Settings carrying(nat::Settings settings,
                       std::initializer_list<uint8_t> protocols = {kEsp, kGre, kSctp}) {
  for (const auto protocol : protocols) settings.instances[0].portless.set(protocol);
  return settings;
}

template <class Change>
nat::Settings with(Change&& change, nat::Settings settings = stateful()) {
  settings = carrying(settings);
  change(settings.instances[0]);
  return settings;
}

nat::Settings few_addresses() {
  auto settings = one_address();
  settings.instances[0].pools[0].ranges[0].last = *net::parse_ip4("203.0.113.3");
  return carrying(settings);
}

nat::Settings deterministic() {
  return with([](auto& i) {
    auto& pool = i.pools[0];
    pool.ranges = {{*net::parse_ip4("203.0.113.1"), *net::parse_ip4("203.0.113.1")}};
    pool.allocation = nat::Allocation::kDeterministic;
    pool.inside = *net::parse_ip6_prefix("2001:db8:0::/60");
  });
}

// One address for sixteen subscribers, of whom several workers have some.
void deterministic_pool(Script& s) {
  const char* first = "2001:db8::1";
  const char* second = "2001:db8:0:3::1";
  const auto address = open(s, from(first));
  s.check(address == "203.0.113.1", "not the subscriber's address");
  s.expect(reply(address), at_host(first));
  refused(s, second, from(second), DropReason::kPoolExhausted);
  open(s, from(second, kEsp, kPZ2));
  s.expect(reply(address, kEsp, kZ2), at_host(second, kEsp, kPZ2));
  counted_in(s, 2, 2 * kLength4);
}

nat::Settings bound(nat::Settings settings) {
  settings.instances[0].statics.push_back(
      {0, 0, *net::parse_ip6(kA), {}, *net::parse_ip4("203.0.113.1"), {}});
  return carrying(settings);
}

nat::Settings shared() {
  return with([](auto& i) {
    i.pools[0].ranges = {{*net::parse_ip4(kOwn4), *net::parse_ip4(kOwn4)}};
    i.pools[0].ports = {20000, 29999};
  });
}

nat::Settings limited() {
  auto settings = carrying(stateful());
  settings.subscriber_sessions = 4;
  return settings;
}

}  // namespace

std::vector<Row> rows() {
  const auto many = carrying(stateful()), one = carrying(one_address());
  const auto soft = [](auto& i) { i.pools[0].soft_pairing = true; };
  return {
      {"portless: ESP out and back", many, path(), there_and_back(kEsp)},
      {"portless: ESP out and back, one address", one, path(), there_and_back(kEsp)},
      {"portless: GRE out and back, one address", one, path(), there_and_back(kGre)},
      {"portless: SCTP out and back, not a byte of it changed", many, path(),
       there_and_back(kSctp)},
      {"portless: another length of prefix", with_prefix(one, "2001:db8:64::/48"), path(),
       another_prefix},
      {"portless: nothing unasked from outside", many, path(), unasked},
      {"portless: nothing unasked from outside, one address", one, path(), unasked},
      {"portless: one new flow several times in a burst", many, path(), same_flow_twice_in_a_burst},
      {"portless: GRE and ESP have TCP's address", many, path(), protocols_share_the_address},
      {"portless: GRE and ESP have TCP's address, few addresses", few_addresses(), path(),
       protocols_share_the_address},
      {"portless: TCP has GRE's address", many, path(), gre_first},
      {"portless: TCP has GRE's address, few addresses", few_addresses(), path(), gre_first},
      {"portless: one host per protocol, address and remote", one, path(), one_host_per_remote},
      {"RFC 7857 4: hard pairing binds protocols without ports, too", many, path(), hard_pairing},
      {"RFC 7857 4: soft pairing finds them another address", with(soft), path(), soft_pairing},
      {"portless: sessions live 300 seconds, refreshed from both sides", many, path(), lives(300)},
      {"portless: sessions live 300 seconds, one address", one, path(), lives(300)},
      {"portless: a timer of its own", with([](auto& i) { i.timers.portless = 1000; }), path(),
       lives(1000)},
      {"portless: packets from outside need not refresh",
       with([](auto& i) { i.inbound_refresh.portless = false; }), path(), not_refreshed},
      {"portless: ICMP errors from outside", many, path(), errors_from_outside},
      {"portless: ICMP errors from outside, one address", one, path(), errors_from_outside},
      {"portless: ICMP errors from inside", many, path(), errors_from_inside},
      {"portless: ICMP errors from inside, one address", one, path(), errors_from_inside},
      {"portless: ICMP errors do not refresh", many, path(), errors_do_not_refresh},
      {"portless: hop limit runs out", many, path(), hop_limit},
      {"portless: packet with DF too big for the IPv6 side", many, path(), too_big},
      {"portless: fragments out, in any order", many, path(), fragments_out},
      {"portless: fragments out, one address", one, path(), fragments_out},
      {"portless: fragments in, in any order", many, path(), fragments_in},
      {"portless: fragments in, one address", one, path(), fragments_in},
      {"portless: ICMP error about a later fragment", many, path(), error_about_a_fragment},
      {"portless: ICMP error about a later fragment, one address", one, path(),
       error_about_a_fragment},
      {"RFC 6146 3.4: protocols that are not carried are answered", carrying(stateful(), {kEsp}),
       path(), others_are_answered},
      {"RFC 6146 3.4: protocols that are not carried are answered, one address",
       carrying(one_address(), {kEsp}), path(), others_are_answered},
      {"RFC 6888 REQ-4: sessions without ports count", limited(), path(), sessions_of_a_subscriber},
      {"portless: addresses are looked at as for other flows", many, path(), forged_and_denied},
      {"RFC 6146 3.8: hairpinning without ports, when both have spoken", many, path(), hairpin},
      {"portless: a static whole address", bound(stateful()), path(), whole_address},
      {"portless: a static whole address, few addresses", bound(few_addresses()), path(),
       whole_address},
      {"portless: a static whole address is lent to nobody", bound(stateful()), path(),
       whole_address_is_nobody_elses},
      {"portless: a static whole address is lent to nobody, few addresses", bound(few_addresses()),
       path(), whole_address_is_nobody_elses},
      {"RFC 7422: a deterministic address without ports", deterministic(), path(),
       deterministic_pool},
      {"shared address: protocols without ports", shared(), path(), shared_address},
  };
}

}  // namespace isthmus::test::rows_portless
