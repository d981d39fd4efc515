// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/topology.h"

#include <map>
#include <random>

#include "catch.h"
#include "dataplane/ring_port.h"

using namespace isthmus;
using namespace isthmus::dataplane;

namespace {

const net::Mac kMacA{{2, 0, 0, 0, 0, 0xa}};
const net::Mac kMacB{{2, 0, 0, 0, 0, 0xb}};

net::Ip4 ip4(const char* text) {
  return *net::parse_ip4(text);
}
net::Ip6 ip6(const char* text) {
  return *net::parse_ip6(text);
}
net::Ip4Prefix prefix4(const char* text) {
  return *net::parse_ip4_prefix(text);
}
net::Ip6Prefix prefix6(const char* text) {
  return *net::parse_ip6_prefix(text);
}

std::unique_ptr<Topology> make_topology() {
  test::start_test_eal();
  std::vector<LinkInterface> interfaces{{0, 0, 1500, {{2, 0, 0, 0, 0, 1}}},
                                        {0, 100, 1400, {{2, 0, 0, 0, 0, 1}}}};
  TopologySize size;
  size.fib = {4096, 4096};
  auto made = Topology::make(interfaces, size);
  REQUIRE(made);
  return std::move(*made);
}

Adjacency find(Topology& topology, net::Ip4 address) {
  const Forwarding& now = topology.copies().current();
  uint32_t host = address.host();
  uint64_t index = 77;
  now.fib->lookup4(&host, &index, 1);
  return now.adjacencies[index];
}

Adjacency find(Topology& topology, net::Ip6 address) {
  const Forwarding& now = topology.copies().current();
  uint64_t index = 77;
  now.fib->lookup6(&address, &index, 1);
  return now.adjacencies[index];
}

net::Mac destination_mac(const Adjacency& adjacency) {
  return net::header_at<net::EthHeader>(adjacency.link.data())->destination;
}

}  // namespace

TEST_CASE("topology: nothing shows before publish()") {
  auto topology = make_topology();
  REQUIRE(topology->set_route(prefix4("198.51.100.0/24"), NextHop{0, {}}));
  CHECK(find(*topology, ip4("198.51.100.7")).state == Adjacency::kNone);
  topology->publish();
  CHECK(find(*topology, ip4("198.51.100.7")).state == Adjacency::kOnLink);
}

TEST_CASE("topology: a connected prefix asks for the neighbor, a known neighbor is used") {
  auto topology = make_topology();
  REQUIRE(topology->set_route(prefix4("198.51.100.0/24"), NextHop{0, {}}));
  REQUIRE(topology->set_route(prefix6("2001:db8:1::/64"), NextHop{1, {}}));
  topology->set_neighbor(ip4("198.51.100.7"), 0, kMacA);
  topology->set_neighbor(ip6("2001:db8:1::7"), 1, kMacB);
  topology->publish();
  const auto four = find(*topology, ip4("198.51.100.7"));
  CHECK(four.state == Adjacency::kResolved);
  CHECK(four.link_length == 14);
  CHECK(destination_mac(four) == kMacA);
  const auto six = find(*topology, ip6("2001:db8:1::7"));
  CHECK(six.state == Adjacency::kResolved);
  CHECK(six.link_length == 18);
  CHECK(six.mtu == 1400);
  CHECK(destination_mac(six) == kMacB);
  CHECK(find(*topology, ip4("198.51.100.8")).state == Adjacency::kOnLink);
  CHECK(find(*topology, ip6("2001:db8:1::8")).state == Adjacency::kOnLink);

  topology->set_neighbor(ip4("198.51.100.7"), 0, std::nullopt);
  topology->publish();
  CHECK(find(*topology, ip4("198.51.100.7")).state == Adjacency::kOnLink);
  CHECK(topology->neighbors().size() == 1);
}

TEST_CASE("topology: a route to nowhere stops what a shorter one would lead out") {
  auto topology = make_topology();
  REQUIRE(topology->set_route(prefix4("198.51.100.0/24"), NextHop{0, {}}));
  REQUIRE(topology->set_route(prefix4("198.51.100.0/25"), NextHop{0, {}, true}));
  topology->set_neighbor(ip4("198.51.100.7"), 0, kMacA);
  topology->publish();
  CHECK(find(*topology, ip4("198.51.100.7")).state == Adjacency::kNone);
  CHECK(find(*topology, ip4("198.51.100.200")).state == Adjacency::kOnLink);
  REQUIRE(topology->set_route(prefix4("198.51.100.0/25"), std::nullopt));
  topology->publish();
  CHECK(find(*topology, ip4("198.51.100.7")).state == Adjacency::kResolved);
}

TEST_CASE("topology: a gateway may be known before, after, or never") {
  auto topology = make_topology();
  const NextHop via{0, ip4("198.51.100.1")};
  REQUIRE(topology->set_route(prefix4("0.0.0.0/0"), via));
  topology->publish();
  auto hop = find(*topology, ip4("192.0.2.1"));
  CHECK(hop.state == Adjacency::kUnresolved);
  CHECK(hop.interface == 0);
  topology->set_neighbor(ip4("198.51.100.1"), 0, kMacA);
  topology->publish();
  hop = find(*topology, ip4("192.0.2.1"));
  CHECK(hop.state == Adjacency::kResolved);
  CHECK(destination_mac(hop) == kMacA);
  topology->set_neighbor(ip4("198.51.100.1"), 0, kMacB);
  topology->publish();
  CHECK(destination_mac(find(*topology, ip4("192.0.2.1"))) == kMacB);
  topology->set_neighbor(ip4("198.51.100.1"), 0, std::nullopt);
  topology->publish();
  CHECK(find(*topology, ip4("192.0.2.1")).state == Adjacency::kUnresolved);
  REQUIRE(topology->set_route(prefix4("0.0.0.0/0"), std::nullopt));
  topology->publish();
  CHECK(find(*topology, ip4("192.0.2.1")).state == Adjacency::kNone);
}

TEST_CASE("topology: a neighbor entry draws no traffic that is routed elsewhere") {
  auto topology = make_topology();
  topology->set_neighbor(ip4("198.51.100.7"), 0, kMacA);
  topology->publish();
  SECTION("without a route it is not a destination") {
    CHECK(find(*topology, ip4("198.51.100.7")).state == Adjacency::kNone);
  }
  SECTION("on another interface's link") {
    REQUIRE(topology->set_route(prefix4("198.51.100.0/24"), NextHop{1, {}}));
    topology->publish();
    CHECK(find(*topology, ip4("198.51.100.7")).interface == 1);
    CHECK(find(*topology, ip4("198.51.100.7")).state == Adjacency::kOnLink);
  }
  SECTION("a host route beats it, and it comes back when that goes") {
    REQUIRE(topology->set_route(prefix4("198.51.100.0/24"), NextHop{0, {}}));
    REQUIRE(topology->set_route(prefix4("198.51.100.7/32"), NextHop{1, ip4("192.0.2.1")}));
    topology->publish();
    CHECK(find(*topology, ip4("198.51.100.7")).interface == 1);
    REQUIRE(topology->set_route(prefix4("198.51.100.7/32"), std::nullopt));
    topology->publish();
    CHECK(find(*topology, ip4("198.51.100.7")).state == Adjacency::kResolved);
  }
  SECTION("a link-local neighbor is a gateway, never a destination") {
    REQUIRE(topology->set_route(prefix6("fe80::/64"), NextHop{0, {}}));
    topology->set_neighbor(ip6("fe80::1"), 0, kMacA);
    topology->set_neighbor(ip6("fe80::1"), 1, kMacB);
    REQUIRE(topology->set_route(prefix6("2001:db8::/32"), NextHop{1, ip6("fe80::1")}));
    topology->publish();
    CHECK(find(*topology, ip6("fe80::1")).state == Adjacency::kOnLink);
    CHECK(destination_mac(find(*topology, ip6("2001:db8::9"))) == kMacB);
  }
}

TEST_CASE("topology: an IPv4 route may have an IPv6 gateway") {
  auto topology = make_topology();
  topology->set_neighbor(ip6("fe80::1"), 0, kMacA);
  REQUIRE(topology->set_route(prefix4("0.0.0.0/0"), NextHop{0, ip6("fe80::1")}));
  topology->publish();
  CHECK(destination_mac(find(*topology, ip4("192.0.2.1"))) == kMacA);
}

TEST_CASE("topology: local addresses, DNS service, and whose address speaks for an interface") {
  auto topology = make_topology();
  topology->set_local_address(ip6("fe80::5"), 0, true);
  topology->set_local_address(ip6("2001:db8::5"), 0, true);
  topology->set_local_address(ip4("198.51.100.5"), 1, true);
  topology->set_dns_addresses({ip6("2001:db8::5")});
  topology->publish();
  const auto& locals = *topology->copies().current().locals;
  CHECK(locals.find(ip6("fe80::5")) == Local::kYes);
  CHECK(locals.find(ip6("2001:db8::5")) == Local::kDns);
  CHECK(locals.find(ip4("198.51.100.5")) == Local::kYes);
  CHECK(locals.find(ip4("198.51.100.6")) == Local::kNo);
  CHECK(locals.find(ip4("198.51.101.5")) == Local::kNo);
  CHECK(locals.own[0].ip6 == ip6("2001:db8::5"));
  CHECK(locals.own[0].ip4 == ip4("198.51.100.5"));  // the other interface's
  topology->set_local_address(ip4("198.51.100.5"), 1, false);
  topology->publish();
  CHECK(topology->copies().current().locals->find(ip4("198.51.100.5")) == Local::kNo);
}

TEST_CASE("topology: an unknown interface is refused") {
  auto topology = make_topology();
  CHECK_FALSE(topology->set_route(prefix4("192.0.2.0/24"), NextHop{9, {}}));
  CHECK(topology->routes().empty());
}

TEST_CASE("topology: a full table says so and keeps what it has") {
  auto topology = make_topology();
  unsigned added = 0;
  for (uint32_t i = 0; i < 200000; ++i) {
    const net::Ip4Prefix prefix{net::Ip4::from_host(0x0a000000 + i * 256), 24};
    if (!topology->set_route(prefix, NextHop{0, {}})) break;
    ++added;
  }
  CHECK(added >= 4096);
  CHECK(added < 200000);
  CHECK(topology->routes().size() == added);
  topology->publish();
  CHECK(find(*topology, ip4("10.0.0.1")).state == Adjacency::kOnLink);
}

namespace {

// Longest match the slow way.
template <class Prefix, class Address>
const NextHop* slow_match(const std::vector<std::pair<Prefix, NextHop>>& routes,
                          const Address& address) {
  const std::pair<Prefix, NextHop>* best = nullptr;
  for (const auto& route : routes) {
    if (route.first.contains(address) &&
        (best == nullptr || route.first.length > best->first.length)) {
      best = &route;
    }
  }
  return best == nullptr ? nullptr : &best->second;
}

template <class Prefix, class Address, class RandomAddress, class RandomPrefix>
void compare_with_slow(RandomAddress random_address, RandomPrefix random_prefix, unsigned seed) {
  auto topology = make_topology();
  std::mt19937 random(seed);
  std::vector<std::pair<Prefix, NextHop>> routes;
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 25; ++i) {
      const Prefix prefix = random_prefix(random);
      const auto same = std::find_if(routes.begin(), routes.end(),
                                     [&](const auto& route) { return route.first == prefix; });
      if (same != routes.end()) routes.erase(same);
      if (random() % 3 == 0) {
        REQUIRE(topology->set_route(prefix, std::nullopt));
        continue;
      }
      const NextHop hop{static_cast<InterfaceId>(random() % 2), random_address(random)};
      REQUIRE(topology->set_route(prefix, hop));
      routes.emplace_back(prefix, hop);
    }
    topology->publish();
    for (int i = 0; i < 200; ++i) {
      const Address address = random_address(random);
      const NextHop* expected = slow_match(routes, address);
      uint64_t index = 0;
      const Forwarding& now = topology->copies().current();
      if constexpr (std::is_same_v<Address, net::Ip4>) {
        uint32_t host = address.host();
        now.fib->lookup4(&host, &index, 1);
      } else {
        Address copy = address;
        now.fib->lookup6(&copy, &index, 1);
      }
      REQUIRE((index != kNoRoute) == (expected != nullptr));
      if (expected == nullptr) continue;
      REQUIRE(now.adjacencies[index].interface == expected->interface);
      REQUIRE(now.neighbors[index] == *expected->via);
    }
  }
}

}  // namespace

TEST_CASE("topology: random IPv4 changes agree with a plain search after every publish") {
  const unsigned seed = std::random_device{}();
  INFO("seed " << seed);
  const auto address = [](std::mt19937& random) {
    return net::Ip4::from_host(0x0a000000 | (random() & 0x0303030f));
  };
  compare_with_slow<net::Ip4Prefix, net::Ip4>(
      address,
      [&](std::mt19937& random) {
        const auto length = static_cast<uint8_t>(random() % 33);
        net::Ip4Prefix prefix{{}, length};
        prefix.address = net::Ip4::from_host(address(random).host() & prefix.mask());
        return prefix;
      },
      seed);
}

TEST_CASE("topology: random IPv6 changes agree with a plain search after every publish") {
  const unsigned seed = std::random_device{}();
  INFO("seed " << seed);
  const auto address = [](std::mt19937& random) {
    net::Ip6 out = ip6("2001:db8::");
    for (unsigned at : {4u, 7u, 9u, 15u}) out.bytes[at] = static_cast<uint8_t>(random() & 3);
    return out;
  };
  compare_with_slow<net::Ip6Prefix, net::Ip6>(
      address,
      [&](std::mt19937& random) {
        return net::prefix_of(address(random), static_cast<uint8_t>(random() % 129));
      },
      seed);
}

TEST_CASE("topology: routes and neighbors that come and go take no room for good") {
  auto topology = make_topology();
  const auto lan4 = prefix4("192.0.2.0/24");
  const auto lan6 = prefix6("2001:db8:1::/64");
  REQUIRE(topology->set_route(lan4, NextHop{0, {}}));
  REQUIRE(topology->set_route(lan6, NextHop{0, {}}));
  const std::vector<Prefix> routes{prefix4("192.0.2.9/32"), prefix4("192.0.2.8/31"),
                                   prefix6("2001:db8:2::9/128"), prefix6("2001:db8:2::8/127"),
                                   prefix6("2001:db8:3::/48")};
  bool all = true;
  for (unsigned round = 0; round < 6000; ++round) {
    const NextHop via{0, ip6("2001:db8:1::1")};
    for (const auto& route : routes) all = all && topology->set_route(route, via);
    topology->set_neighbor(ip6("2001:db8:1::a"), 0, kMacA);
    topology->set_neighbor(ip4("192.0.2.7"), 0, kMacA);
    topology->publish();
    all = all && find(*topology, ip6("2001:db8:1::a")).state == Adjacency::kResolved &&
          find(*topology, ip4("192.0.2.7")).state == Adjacency::kResolved &&
          find(*topology, ip6("2001:db8:2::9")).state == Adjacency::kUnresolved;
    for (const auto& route : routes) all = all && topology->set_route(route, std::nullopt);
    topology->set_neighbor(ip6("2001:db8:1::a"), 0, std::nullopt);
    topology->set_neighbor(ip4("192.0.2.7"), 0, std::nullopt);
    topology->publish();
    INFO("round " << round);
    REQUIRE(all);
  }
  CHECK(find(*topology, ip6("2001:db8:2::9")).state == Adjacency::kNone);
  CHECK(find(*topology, ip6("2001:db8:1::a")).state == Adjacency::kOnLink);
  CHECK(find(*topology, ip4("192.0.2.7")).state == Adjacency::kOnLink);
}
