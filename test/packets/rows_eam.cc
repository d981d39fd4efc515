// SPDX-License-Identifier: BSD-3-Clause
// Explicit address mappings: RFC 7757; and sources without IPv4 address: RFC 6791, RFC 5837.
#include "packets/rows.h"

namespace isthmus::test::rows_eam {
namespace {

// The table and the examples of RFC 7757 (figure 1 and appendix B), and its translation prefix.
constexpr const char* kA6 = "2001:db8:aaaa::";
constexpr const char* kB6 = "2001:db8:bbbb::b";
constexpr const char* kNameOfA = "64:ff9b::192.0.2.1";
constexpr const char* kNameOfB = "64:ff9b::192.0.2.2";
constexpr const char* kServer = "64:ff9b::198.51.100.10";
constexpr const char* kRouter = "2001:db8::1234";

net::Eam eam(const char* six, const char* four) {
  return {*net::parse_ip6_prefix(six), *net::parse_ip4_prefix(four)};
}

nat::Settings mapped(xlat::Hairpinning hairpinning = xlat::Hairpinning::kIntrinsic) {
  nat::Settings settings;
  xlat::Siit siit;
  const net::Eam list[] = {
      eam("2001:db8:aaaa::/128", "192.0.2.1/32"),    eam("2001:db8:bbbb::b/128", "192.0.2.2/32"),
      eam("2001:db8:cccc::/124", "192.0.2.16/28"),   eam("2001:db8:dddd::/64", "192.0.2.128/26"),
      eam("2001:db8:eeee:8::/62", "192.0.2.192/29"), eam("64:ff9b::/127", "192.0.2.224/31"),
  };
  siit.eam = xlat::EamTable::make(list);
  siit.hairpinning = hairpinning;
  siit.allow_non_global = true;  // the examples have documentation addresses under 64:ff9b::/96
  settings.stateless.push_back(siit);
  return settings;
}

nat::Settings with_pool(nat::Settings settings, const char* pool) {
  settings.stateless[0].icmp_sources.push_back(*net::parse_ip4_prefix(pool));
  return settings;
}

nat::Settings with_extension() {
  auto settings = with_pool(mapped(), "198.51.100.1/32");
  settings.stateless[0].icmp_extension = true;
  return settings;
}

void examples(Script& s) {
  const std::pair<const char*, const char*> pairs[] = {{"192.0.2.1", "2001:db8:aaaa::"},
                                                       {"192.0.2.2", "2001:db8:bbbb::b"},
                                                       {"192.0.2.16", "2001:db8:cccc::"},
                                                       {"192.0.2.24", "2001:db8:cccc::8"},
                                                       {"192.0.2.31", "2001:db8:cccc::f"},
                                                       {"192.0.2.128", "2001:db8:dddd::"},
                                                       {"192.0.2.152", "2001:db8:dddd:0:6000::"},
                                                       {"192.0.2.183", "2001:db8:dddd:0:dc00::"},
                                                       {"192.0.2.191", "2001:db8:dddd:0:fc00::"},
                                                       {"192.0.2.195", "2001:db8:eeee:9:8000::"},
                                                       {"192.0.2.225", "64:ff9b::1"}};
  for (const auto& [four, six] : pairs) {
    s.expect(ip6(six, kServer).udp(5000, 53).payload("hello"),
             ip4(four, kZ).ttl(63).udp(5000, 53).payload("hello"));
    s.expect(ip4(kZ, four).tcp(53, 5000).payload("hello"),
             ip6(kServer, six).hop_limit(63).tcp(53, 5000).payload("hello"));
    s.counted({{Counter::kSiitOut, 1}, {Counter::kSiitIn, 1}});
  }
  // What no mapping holds is the prefix's; from there to a mapping.
  s.expect(ip6("64:ff9b::192.0.2.248", kServer).udp(1, 2).payload("hello"),
           ip4("192.0.2.248", kZ).ttl(63).udp(1, 2).payload("hello"));
  s.counted({{Counter::kSiitOut, 1}});
}

void trailing_bits(Script& s) {
  // 3.3.2, step 5: "any trailing bits are discarded".
  s.expect(ip6("2001:db8:dddd:0:63ff:ffff:ffff:ffff", kServer).udp(1, 2).payload("hello"),
           ip4("192.0.2.152", kZ).ttl(63).udp(1, 2).payload("hello"));
  s.counted({{Counter::kSiitOut, 1}});
}

void error_in(Script& s) {
  s.expect(ip4("198.51.100.254", "192.0.2.2")
               .icmp4(11, 0)
               .quote(ip4("192.0.2.2", kZ).ttl(1).udp(5000, 53).payload("hello")),
           ip6("64:ff9b::198.51.100.254", kB6)
               .hop_limit(63)
               .icmp6(3, 0)
               .quote(ip6(kB6, kServer).hop_limit(1).udp(5000, 53).payload("hello")));
  s.counted({{Counter::kSiitIn, 1}, {Counter::kIcmpErrorsTranslated, 1}});
}

void error_out(Script& s) {
  s.expect(ip6(kB6, kServer).icmp6(1, 4).quote(ip6(kServer, kB6).udp(53, 5000).payload("hello")),
           ip4("192.0.2.2", kZ)
               .ttl(63)
               .icmp4(3, 3)
               .quote(ip4(kZ, "192.0.2.2").udp(53, 5000).payload("hello")));
  s.counted({{Counter::kSiitOut, 1}, {Counter::kIcmpErrorsTranslated, 1}});
}

void neither(Script& s) {
  // RFC 7915 5.4: answered "administratively prohibited", unless it is ICMPv6.
  const auto stranger = ip6("2001:db8:ffff::1", kServer).udp(5000, 53).payload("hello");
  s.expect(stranger, ip6(kOwn6, "2001:db8:ffff::1").icmp6(1, 1).quote(stranger));
  s.nothing(ip6("2001:db8:ffff::1", kServer).icmp_echo(1, 1));
  s.counted({{DropReason::kNoMapping, 2}, {Counter::kIcmpErrorsSent, 1}});
  s.nothing(ip6(kA6, "2001:db8:ffff::1").udp(5000, 53).payload("hello"));
  s.nothing(ip4(kZ, "192.0.2.3").udp(5000, 53).payload("hello"));
  s.counted({{DropReason::kNotForUs, 2}});
}

void transports(Script& s) {
  s.expect(ip6(kA6, kServer).raw(132, pattern(24)),
           ip4("192.0.2.1", kZ).ttl(63).raw(132, pattern(24)));
  s.expect(ip6(kA6, kServer).raw(50, pattern(24)),
           ip4("192.0.2.1", kZ).ttl(63).raw(50, pattern(24)));
  s.expect(ip4(kZ, "192.0.2.1").raw(47, pattern(24)),
           ip6(kServer, kA6).hop_limit(63).raw(47, pattern(24)));
  s.expect(ip6(kA6, kServer).icmp_echo(7, 1).payload("ping"),
           ip4("192.0.2.1", kZ).ttl(63).icmp_echo(7, 1).payload("ping"));
  s.expect(ip4(kZ, "192.0.2.1").icmp_echo_reply(7, 1).payload("ping"),
           ip6(kServer, kA6).hop_limit(63).icmp_echo_reply(7, 1).payload("ping"));
  s.counted({{Counter::kSiitOut, 3}, {Counter::kSiitIn, 2}});
}

void fragments(Script& s) {
  const auto six = ip6(kB6, kServer).udp(5000, 53).payload(64);
  const auto four = ip4("192.0.2.2", kZ).ttl(63).udp(5000, 53).payload(64);
  // In any order, each by itself.
  for (const auto& [offset, length] : {std::pair<std::size_t, std::size_t>{40, 32}, {0, 40}}) {
    const auto out = s.burst({six.slice(offset, length, 77)});
    s.check(out.size() == 1 && out[0] == four.slice(offset, length, 77), "a fragment passes");
  }
  const auto back4 = ip4(kZ, "192.0.2.2").udp(53, 5000).payload(64);
  const auto back6 = ip6(kServer, kB6).hop_limit(63).udp(53, 5000).payload(64);
  for (const auto& [offset, length] : {std::pair<std::size_t, std::size_t>{40, 32}, {0, 40}}) {
    const auto out = s.burst({back4.slice(offset, length, 78)});
    s.check(out.size() == 1 && out[0] == back6.slice(offset, length, 78), "and one back");
  }
  s.counted({{Counter::kSiitOut, 2}, {Counter::kSiitIn, 2}});
}

void fragmented_ping(Script& s) {
  const auto six = ip6(kB6, kServer).icmp_echo(7, 1).payload(64);
  s.burst({six.slice(0, 40, 77), six.slice(40, 32, 77)});
  s.counted({{DropReason::kFragment, 2}});
}

void udp_zero(Script& s) {
  s.expect(ip4(kZ, "192.0.2.2").udp(53, 5000).payload("hello").zero_checksum(),
           ip6(kServer, kB6).hop_limit(63).udp(53, 5000).payload("hello"));
  s.counted({{Counter::kSiitIn, 1}});
  s.nothing(ip4(kZ, "192.0.2.2").udp(53, 5000).payload(64).zero_checksum().slice(0, 40, 78));
  s.counted({{DropReason::kUdpZeroChecksum, 1}});
}

void udp_zero_dropped(Script& s) {
  s.nothing(ip4(kZ, "192.0.2.2").udp(53, 5000).payload("hello").zero_checksum());
  s.counted({{DropReason::kUdpZeroChecksum, 1}});
}

nat::Settings dropping_zero() {
  auto settings = mapped();
  settings.stateless[0].policy.udp_zero_4to6 = xlat::UdpZero::kDrop;
  return settings;
}

void turned(Script& s, uint64_t packets) {
  s.counted(
      {{Counter::kSiitOut, packets}, {Counter::kSiitIn, packets}, {Counter::kHairpin, packets}});
}

// Figures 8 and 11.
void hairpin(Script& s) {
  s.expect(ip6(kA6, kNameOfB).udp(5000, 53).payload("hello"),
           ip6(kNameOfA, kB6).hop_limit(63).udp(5000, 53).payload("hello"));
  s.expect(ip6(kB6, kNameOfA).udp(53, 5000).payload("back!"),
           ip6(kNameOfB, kA6).hop_limit(63).udp(53, 5000).payload("back!"));
  s.expect(ip6(kA6, kNameOfB).tcp(5000, 80).flags("S"),
           ip6(kNameOfA, kB6).hop_limit(63).tcp(5000, 80).flags("S"));
  s.expect(ip6(kA6, kNameOfB).icmp_echo(7, 1), ip6(kNameOfA, kB6).hop_limit(63).icmp_echo(7, 1));
  turned(s, 4);
}

// Conflict C7: one hop in all, so 2 is enough and 1 is not.
void hairpin_hop_limit(Script& s) {
  s.expect(ip6(kA6, kNameOfB).hop_limit(2).udp(5000, 53).payload("hello"),
           ip6(kNameOfA, kB6).hop_limit(1).udp(5000, 53).payload("hello"));
  turned(s, 1);
  const auto dying = ip6(kA6, kNameOfB).hop_limit(1).udp(5000, 53).payload("hello");
  s.expect(dying, ip6(kOwn6, kA6).icmp6(3, 0).quote(dying));
  s.counted({{DropReason::kHopLimit, 1}, {Counter::kIcmpErrorsSent, 1}});
}

// Figure 9.
void hairpin_router_error(Script& s) {
  s.expect(ip6(kRouter, kNameOfA)
               .icmp6(3, 0)
               .quote(ip6(kNameOfA, kB6).hop_limit(1).udp(5000, 53).payload("hello")),
           ip6("64:ff9b::198.51.100.1", kA6)
               .hop_limit(63)
               .icmp6(3, 0)
               .quote(ip6(kA6, kNameOfB).hop_limit(1).udp(5000, 53).payload("hello")));
  turned(s, 1);
  s.counted({{Counter::kIcmpErrorsTranslated, 2}});
}

// Figure 10.
void hairpin_host_error(Script& s) {
  s.expect(ip6(kB6, kNameOfA).icmp6(1, 4).quote(ip6(kNameOfA, kB6).udp(5000, 53).payload("hello")),
           ip6(kNameOfB, kA6)
               .hop_limit(63)
               .icmp6(1, 4)
               .quote(ip6(kA6, kNameOfB).udp(5000, 53).payload("hello")));
  turned(s, 1);
  s.counted({{Counter::kIcmpErrorsTranslated, 2}});
}

void hairpin_fragment(Script& s) {
  const auto whole = ip6(kA6, kNameOfB).udp(5000, 53).payload(64);
  const auto wanted = ip6(kNameOfA, kB6).hop_limit(63).udp(5000, 53).payload(64);
  const auto out = s.burst({whole.slice(40, 32, 77)});
  s.check(out.size() == 1 && out[0] == wanted.slice(40, 32, 77), "a fragment is turned, too");
  turned(s, 1);
}

void hairpin_off(Script& s) {
  s.expect(ip6(kA6, kNameOfB).udp(5000, 53).payload("hello"),
           ip4("192.0.2.1", "192.0.2.2").ttl(63).udp(5000, 53).payload("hello"));
  // Should IPv4 routing bring it back, it looks as section 4.1 has it.
  s.expect(ip4("192.0.2.1", "192.0.2.2").udp(5000, 53).payload("hello"),
           ip6(kA6, kB6).hop_limit(63).udp(5000, 53).payload("hello"));
  s.counted({{Counter::kSiitOut, 1}, {Counter::kSiitIn, 1}});
}

// 4.2.1 speaks of every packet that goes from IPv4 to IPv6; 4.2.2 only of the second pass.
void from_outside(Script& s, const char* source) {
  s.expect(ip4("192.0.2.1", "192.0.2.2").udp(5000, 53).payload("hello"),
           ip6(source, kB6).hop_limit(63).udp(5000, 53).payload("hello"));
  s.counted({{Counter::kSiitIn, 1}});
}
void outside_simple(Script& s) {
  from_outside(s, kNameOfA);
}
void outside_intrinsic(Script& s) {
  from_outside(s, kA6);
}

// Condition A2: a destination that has a mapping of its own is not turned around.
void by_mapping(Script& s) {
  s.expect(ip6(kA6, kB6).udp(5000, 53).payload("hello"),
           ip4("192.0.2.1", "192.0.2.2").ttl(63).udp(5000, 53).payload("hello"));
  s.counted({{Counter::kSiitOut, 1}});
}

// An error of a router without IPv4 address about a packet from kZ to B.
Packet router_error(uint8_t type) {
  return ip6(kRouter, kServer)
      .icmp6(type, 0)
      .quote(ip6(kServer, kB6).hop_limit(1).udp(53, 5000).payload("hello"));
}
Packet quoted4() {
  return ip4(kZ, "192.0.2.2").ttl(1).udp(53, 5000).payload("hello");
}

void nameless_own(Script& s) {
  s.expect(router_error(3), ip4(kOwn4, kZ).ttl(63).icmp4(11, 0).quote(quoted4()));
  s.counted({{Counter::kSiitOut, 1}, {Counter::kIcmpErrorsTranslated, 1}});
}

void nameless_pool(Script& s) {
  std::map<std::string, int> seen;
  for (int i = 0; i < 64; ++i) {
    const auto out = s.send(router_error(3));
    if (out.size() < 20) return;
    const auto source = net::Ip4::from_host(static_cast<uint32_t>(out[12]) << 24 | out[13] << 16 |
                                            out[14] << 8 | out[15]);
    s.same(ip4(net::to_string(source), kZ).ttl(63).icmp4(11, 0).quote(quoted4()), out);
    ++seen[net::to_string(source)];
  }
  // RFC 6791 5: "RECOMMENDED to randomly select".
  s.check(seen.size() == 4, "all four addresses of the pool are used");
  s.check(seen.begin()->first == "198.51.100.4" && seen.rbegin()->first == "198.51.100.7",
          "and no others");
  s.counted({{Counter::kSiitOut, 64}, {Counter::kIcmpErrorsTranslated, 64}});
}

void nameless_echo(Script& s) {
  s.nothing(ip6(kRouter, kServer).icmp_echo(1, 1));
  s.counted({{DropReason::kNoMapping, 1}});
}

Bytes interface_object() {
  Bytes object = hex("0018 0204 0002 0000 20010db8 00000000 00000000 00001234");
  Bytes structure = hex("2000 0000") + object;
  const uint16_t sum = plain_checksum(structure);
  structure[2] = static_cast<uint8_t>(sum >> 8);
  structure[3] = static_cast<uint8_t>(sum);
  return structure;
}

void extension_made(Script& s) {
  s.expect(
      router_error(3),
      ip4("198.51.100.1", kZ).ttl(63).icmp4(11, 0).quote(quoted4()).extension(interface_object()));
  s.expect(
      router_error(1),
      ip4("198.51.100.1", kZ).ttl(63).icmp4(3, 1).quote(quoted4()).extension(interface_object()));
  s.counted({{Counter::kSiitOut, 2}, {Counter::kIcmpErrorsTranslated, 2}});
}

void extension_added(Script& s) {
  const Bytes own = interface_object();
  Bytes both = mpls_extension() + Bytes(own.begin() + 4, own.end());
  both[2] = both[3] = 0;
  const uint16_t sum = plain_checksum(both);
  both[2] = static_cast<uint8_t>(sum >> 8);
  both[3] = static_cast<uint8_t>(sum);
  s.expect(router_error(3).extension(mpls_extension()),
           ip4("198.51.100.1", kZ).ttl(63).icmp4(11, 0).quote(quoted4()).extension(both));
  s.counted({{Counter::kSiitOut, 1}, {Counter::kIcmpErrorsTranslated, 1}});
}

void extension_not_there(Script& s) {
  // A host with a mapping is known by its own address, and Packet Too Big has no place for it.
  s.expect(ip6(kB6, kServer).icmp6(1, 4).quote(ip6(kServer, kB6).udp(53, 5000).payload("hello")),
           ip4("192.0.2.2", kZ)
               .ttl(63)
               .icmp4(3, 3)
               .quote(ip4(kZ, "192.0.2.2").udp(53, 5000).payload("hello")));
  s.expect(ip6(kRouter, kServer)
               .icmp6(2, 0, 1400)
               .quote(ip6(kServer, kB6).udp(53, 5000).payload("hello")),
           ip4("198.51.100.1", kZ)
               .ttl(63)
               .icmp4(3, 4, 1380)
               .quote(ip4(kZ, "192.0.2.2").udp(53, 5000).payload("hello")));
  s.counted({{Counter::kSiitOut, 2}, {Counter::kIcmpErrorsTranslated, 2}});
}

// RFC 6877: the customer's side of 464XLAT. The IPv4 hosts have the mappings, the IPv4 Internet is
// behind the prefix of the provider's translator.
nat::Settings clat() {
  nat::Settings settings;
  xlat::Siit siit;
  const net::Eam hosts[] = {eam("2001:db8:c1a7::/120", "192.168.1.0/24")};
  siit.prefix = *net::Prefix6052::make(*net::parse_ip6_prefix(kPrefix));
  siit.eam = xlat::EamTable::make(hosts);
  siit.inside4.push_back(*net::parse_ip4_prefix("0.0.0.0/0"));
  settings.stateless.push_back(siit);
  return settings;
}

void clat_flow(Script& s) {
  s.expect(ip4("192.168.1.10", kZ).tcp(5000, 80).flags("S"),
           ip6("2001:db8:c1a7::a", kPZ).hop_limit(63).tcp(5000, 80).flags("S"));
  s.expect(ip6(kPZ, "2001:db8:c1a7::a").tcp(80, 5000).flags("SA"),
           ip4(kZ, "192.168.1.10").ttl(63).tcp(80, 5000).flags("SA"));
  // A hop between both translators.
  s.expect(ip6("2001:db8:1::1", "2001:db8:c1a7::a")
               .icmp6(3, 0)
               .quote(ip6("2001:db8:c1a7::a", kPZ).hop_limit(1).udp(1, 2)),
           ip4(kOwn4, "192.168.1.10")
               .ttl(63)
               .icmp4(11, 0)
               .quote(ip4("192.168.1.10", kZ).ttl(1).udp(1, 2)));
  s.counted({{Counter::kSiitOut, 2}, {Counter::kSiitIn, 1}, {Counter::kIcmpErrorsTranslated, 1}});
}

void clat_mtu(Script& s) {
  const auto big = ip4("192.168.1.10", kZ).df().udp(5000, 80).payload(1472);
  s.expect(big, ip4(kOwn4, "192.168.1.10").df().tos(0xc0).icmp4(3, 4, 1480).quote(big, 548));
  s.counted({{Counter::kIcmpErrorsSent, 1}, {DropReason::kTooBig, 1}});
}

}  // namespace

std::vector<Row> rows() {
  using enum xlat::Hairpinning;
  const auto pool = [](xlat::Hairpinning h) { return with_pool(mapped(h), "198.51.100.1/32"); };
  return {
      {"RFC 7757 B: the examples, both ways", mapped(), path(), examples},
      {"RFC 7757 3.3.2: trailing bits are discarded", mapped(), path(), trailing_bits},
      {"RFC 7757 3.2: the packet quoted in an error, 4->6", mapped(), path(), error_in},
      {"RFC 7757 3.2: the packet quoted in an error, 6->4", mapped(), path(), error_out},
      {"RFC 7757 3.3: in neither mapping nor prefix", mapped(), path(), neither},
      {"RFC 7915 4.5, 5.1: stateless forwards all protocols (C1)", mapped(), path(), transports},
      {"RFC 7915 5.1.1: stateless fragments, both ways, any order", mapped(), path(), fragments},
      {"RFC 7915 1.2: stateless does not translate fragmented ICMP", mapped(), path(),
       fragmented_ping},
      {"RFC 7915 4.5: stateless UDP without checksum, computed", mapped(), path(), udp_zero},
      {"RFC 7915 4.5: stateless UDP without checksum, dropped", dropping_zero(), path(),
       udp_zero_dropped},
      {"RFC 7757 4.2.1: simple hairpinning", mapped(kSimple), path(), hairpin},
      {"RFC 7757 4.2.2: intrinsic hairpinning", mapped(kIntrinsic), path(), hairpin},
      {"RFC 7757 4.2.1: simple hairpinning takes one hop (C7)", mapped(kSimple), path(),
       hairpin_hop_limit},
      {"RFC 7757 4.2.2: intrinsic hairpinning takes one hop (C7)", mapped(kIntrinsic), path(),
       hairpin_hop_limit},
      {"RFC 7757 4.2.1: simple, error of a router", pool(kSimple), path(), hairpin_router_error},
      {"RFC 7757 4.2.2: intrinsic, error of a router", pool(kIntrinsic), path(),
       hairpin_router_error},
      {"RFC 7757 4.2.1: simple, error of the host", mapped(kSimple), path(), hairpin_host_error},
      {"RFC 7757 4.2.2: intrinsic, error of the host", mapped(kIntrinsic), path(),
       hairpin_host_error},
      {"RFC 7757 4.2: a later fragment", mapped(), path(), hairpin_fragment},
      {"RFC 7757 4.1: without hairpinning", mapped(kOff), path(), hairpin_off},
      {"RFC 7757 4.2.1: simple rules for what comes from outside", mapped(kSimple), path(),
       outside_simple},
      {"RFC 7757 4.2.2: plain rules for what comes from outside", mapped(kIntrinsic), path(),
       outside_intrinsic},
      {"RFC 7757 4.2.2: condition A2", mapped(kIntrinsic), path(), by_mapping},
      {"RFC 6791 4: error from a router without IPv4 address, our own", mapped(), path(),
       nameless_own},
      {"RFC 6791 5: at random from the pool", with_pool(mapped(), "198.51.100.4/30"), path(),
       nameless_pool},
      {"RFC 6791 3: errors only", mapped(), path(), nameless_echo},
      {"RFC 6791 4: RFC 5837 object made (C16)", with_extension(), path(), extension_made},
      {"RFC 6791 4: RFC 5837 object behind another", with_extension(), path(), extension_added},
      {"RFC 5837 4: no object where none belongs", with_extension(), path(), extension_not_there},
      {"RFC 6877: customer's side of 464XLAT", clat(), path(), clat_flow},
      {"RFC 6877: 1500 bytes do not fit", clat(), path(), clat_mtu},
  };
}

}  // namespace isthmus::test::rows_eam
