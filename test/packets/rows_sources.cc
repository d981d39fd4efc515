// SPDX-License-Identifier: BSD-3-Clause
// Several instances in one gateway: by destination prefix, and by source.
#include "net/headers.h"
#include "packets/rows.h"

namespace isthmus::test::rows_sources {
namespace {

constexpr const char* kC = "2001:db8:c::c";  // in nobody's sources

net::Ip6Prefix six(const char* text) {
  return *net::parse_ip6_prefix(text);
}

nat::Instance instance(const char* name, const char* first, const char* last) {
  auto made = stateful().instances[0];
  made.name = name;
  made.pools[0].ranges[0] = {*net::parse_ip4(first), *net::parse_ip4(last)};
  return made;
}

// A and B share a prefix; each has pools of its own.
nat::Settings customers() {
  auto settings = stateful();
  settings.instances = {instance("gold", "203.0.113.0", "203.0.113.7"),
                        instance("silver", "203.0.113.8", "203.0.113.15")};
  settings.instances[0].sources = {six("2001:db8:a::/48")};
  settings.instances[1].sources = {six("2001:db8:a:8000::/49"), six("2001:db8:b::/48")};
  return settings;
}

nat::Settings with_rest() {
  auto settings = customers();
  settings.instances[1].sources.clear();
  return settings;
}

bool is_gold(const Mapping& m) {
  return net::parse_ip4(m.address)->host() < net::parse_ip4("203.0.113.8")->host();
}

void by_source(Script& s) {
  for (const auto& [host, gold] :
       {std::pair{kA, true}, {kB, false}, {"2001:db8:a:8000::a", false}}) {
    const auto out = s.send(ip6(host, kPZ).udp(5000, 53).payload("hello"));
    const auto t = s.mapping(out);
    s.check(is_gold(t) == gold, std::string(host) + " has the wrong pool: " + t.address);
    s.same(out4(t, kZ).udp(t.port, 53).payload("hello"), out);
    s.expect(ip4(kZ, t.address).udp(53, t.port).payload("hello"),
             ip6(kPZ, host).hop_limit(63).udp(53, 5000).payload("hello"));
    counted_out(s, 1, 53);
    counted_in(s, 1, 33);
    counted_made(s, 1, 1);
  }
}

void not_served(Script& s) {
  s.nothing(ip6(kC, kPZ).udp(5000, 53).payload("hello"));
  s.nothing(ip6(kC, kPZ).tcp(5000, 80).flags("S"));
  s.nothing(ip6(kC, kPZ).udp(5000, 53).payload(64).slice(40, 32, 7));
  s.nothing(ip6(kA, kPZ).icmp6(1, 4).quote(ip6(kPZ, kC).udp(53, 5000)));
  s.counted({{DropReason::kNotServed, 4}});
}

void rest(Script& s) {
  const auto t = s.mapping(s.send(ip6(kC, kPZ).udp(5000, 53).payload("hello")));
  s.check(!is_gold(t), "who is in nobody's sources has the pool of the one without");
  const auto g = s.mapping(s.send(ip6(kA, kPZ).udp(5000, 53).payload("hello")));
  s.check(is_gold(g), "and the longest match has its own");
  counted_out(s, 2, 2 * 53);
  counted_made(s, 2, 2);
}

// It is the receiver of the quoted packet whose instance it is, whoever sends the error.
void router_error(Script& s) {
  const auto t = s.mapping(s.send(ip6(kB, kPZ).udp(5000, 53).payload("hello")));
  const auto error = ip6("2001:db8:ffff::1", kPZ)
                         .icmp6(3, 0)
                         .quote(ip6(kPZ, kB).hop_limit(1).udp(53, 5000).payload("hello"));
  s.expect(error, out4(t, kZ).icmp4(11, 0).quote(
                      ip4(kZ, t.address).ttl(1).udp(53, t.port).payload("hello")));
  counted_out(s, 2, 53 + error.bytes().size());
  counted_made(s, 1, 1);
  s.counted({{Counter::kIcmpErrorsTranslated, 1}});
}

void fragments(Script& s) {
  const auto whole = ip6(kB, kPZ).udp(5000, 53).payload(64);
  const auto out = s.burst({whole.slice(40, 32, 7), whole.slice(0, 40, 7)});
  s.check(out.size() == 2, "both halves pass");
  if (out.size() == 2) s.check(!is_gold(s.mapping(out[0])), "by the pool of their sender");
  counted_out(s, 2, 48 + 80 + 40);
  counted_made(s, 1, 1);
  s.counted({{Counter::kFragmentsHeld, 1}});
}

void customers_meet(Script& s) {
  const auto b = s.mapping(s.send(ip6(kB, kPZ).udp(6000, 53).payload("hello")));
  const auto turned = s.send(ip6(kA, in_prefix(b.address)).udp(5000, b.port).payload("hello"));
  s.check(turned.size() == 53, "a packet between customers of two instances is turned around");
  counted_out(s, 2, 2 * 53);
  counted_in(s, 1, 33);
  counted_made(s, 2, 3);
  s.counted({{Counter::kHairpin, 1}});
}

// The longest prefix wins, whatever the kind and the order.
nat::Settings nested() {
  auto settings = with_prefix(stateful(), "2001:db8::/32");
  settings.stateless = stateless().stateless;
  return settings;
}

void longest(Script& s) {
  s.expect(ip6("2001:db8:46::192.0.2.5", "2001:db8:46::198.51.100.10").udp(1, 2).payload("hello"),
           ip4("192.0.2.5", kZ).ttl(63).udp(1, 2).payload("hello"));
  s.counted({{Counter::kSiitOut, 1}});
  const auto t =
      s.mapping(s.send(ip6("2a00:1450::a", "2001:db8:c633:640a::").udp(5000, 53).payload("hello")));
  s.check(t.address.starts_with("203.0.113."), "the shorter prefix has the rest");
  counted_out(s, 1, 53);
  counted_made(s, 1, 1);
}

// A mapping is more specific than the stateful prefix that it lies in, and than a pool's name.
nat::Settings mapping_beside() {
  auto settings = stateful();
  xlat::Siit siit;
  siit.prefix = *net::Prefix6052::make(six("2001:db8:46::/96"));
  const net::Eam list[] = {{six("2001:db8:64::5/128"), *net::parse_ip4_prefix("192.0.2.5/32")},
                           {six("2001:db8:7::/64"), *net::parse_ip4_prefix("192.0.2.16/28")}};
  siit.eam = xlat::EamTable::make(list);
  settings.stateless.push_back(siit);
  return settings;
}

void mapped_beside(Script& s) {
  s.expect(ip6("2001:db8:7::", "2001:db8:46::198.51.100.10").udp(1, 2).payload("hello"),
           ip4("192.0.2.16", kZ).ttl(63).udp(1, 2).payload("hello"));
  s.expect(ip6("2001:db8:7::", "2001:db8:64::5").udp(1, 2).payload("hello"),
           ip4("192.0.2.16", "192.0.2.5").ttl(63).udp(1, 2).payload("hello"));
  s.counted({{Counter::kSiitOut, 2}});
  // From a stateful instance to a host that has a mapping.
  const auto out = s.send(ip6(kA, in_prefix("192.0.2.17")).udp(5000, 53).payload("hello"));
  s.check(
      out.size() == 53 && net::to_string(net::header_at<net::Ip6Header>(out.data())->destination) ==
                              "2001:db8:7:0:1000::",
      "a NAT64 client reaches a host with a mapping");
  counted_out(s, 1, 53);
  counted_made(s, 1, 1);
  s.counted({{Counter::kHairpin, 1}, {Counter::kSiitIn, 1}});
}

}  // namespace

std::vector<Row> rows() {
  return {
      {"sources: customers of one prefix have pools of their own", customers(), path(), by_source},
      {"sources: who is in none is not served", customers(), path(), not_served},
      {"sources: an instance without serves the rest", with_rest(), path(), rest},
      {"sources: an ICMP error follows the host it is about", customers(), path(), router_error},
      {"sources: fragments follow their sender", customers(), path(), fragments},
      {"sources: hairpin between two instances", customers(), path(), customers_meet},
      {"instances: the longest prefix wins", nested(), path(), longest},
      {"instances: mappings beside NAT64", mapping_beside(), path(), mapped_beside},
  };
}

}  // namespace isthmus::test::rows_sources
