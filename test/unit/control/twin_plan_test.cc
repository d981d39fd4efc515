// SPDX-License-Identifier: BSD-3-Clause
#include "control/twin_plan.h"

#include <random>
#include <set>
#include <string>
#include <vector>

#include "catch.h"

namespace isthmus::control::twin_plan_test {
namespace {

IpAddress ip(std::string_view text) {
  if (const auto v4 = net::parse_ip4(text)) return *v4;
  return net::parse_ip6(text).value();
}

conf::AddressRange range(std::string_view first, std::string_view last) {
  return {*net::parse_ip4(first), *net::parse_ip4(last)};
}

std::vector<std::string> texts(const std::vector<net::Ip4Prefix>& prefixes) {
  std::vector<std::string> all;
  for (const auto& prefix : prefixes) all.push_back(net::to_string(prefix));
  return all;
}

conf::Config two_ports() {
  conf::Config config;
  config.file = "isthmus.conf";
  conf::Port inside, outside;
  inside.name = "in0";
  inside.interfaces = {{0, "in0", {{ip("2001:db8:1::1"), 64}}},
                       {20, "in0.20", {{ip("2001:db8:2::1"), 64}}}};
  outside.name = "out0";
  outside.interfaces = {{0, "out0", {{ip("203.0.113.1"), 24}}}};
  config.ports = {inside, outside};
  return config;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a range is covered by the fewest prefixes", "[twin]") {
  CHECK(texts(cover(range("203.0.113.0", "203.0.113.255"))) == Texts{"203.0.113.0/24"});
  CHECK(texts(cover(range("203.0.113.7", "203.0.113.7"))) == Texts{"203.0.113.7/32"});
  CHECK(texts(cover(range("203.0.113.1", "203.0.113.6"))) ==
        Texts{"203.0.113.1/32", "203.0.113.2/31", "203.0.113.4/31", "203.0.113.6/32"});
  CHECK(texts(cover(range("0.0.0.0", "255.255.255.255"))) == Texts{"0.0.0.0/0"});
  CHECK(texts(cover(range("255.255.255.255", "255.255.255.255"))) == Texts{"255.255.255.255/32"});
}

TEST_CASE("covers hold every address of a range once, and no other", "[twin]") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 200; ++round) {
    const uint32_t first = static_cast<uint32_t>(random());
    const uint32_t last = first + std::min<uint32_t>(random() % 5000, ~first);
    uint64_t next = first;
    for (const auto& prefix : cover({net::Ip4::from_host(first), net::Ip4::from_host(last)})) {
      CHECK(prefix.address.host() == next);
      CHECK((prefix.address.host() & ~prefix.mask()) == 0);
      next += prefix.size();
    }
    CHECK(next == uint64_t{last} + 1);
  }
}

TEST_CASE("twins follow the order of interfaces", "[twin]") {
  const auto plan = make_kernel_plan(two_ports());
  REQUIRE(plan);
  REQUIRE(plan->twins.size() == 3);
  CHECK(plan->twins[0].name == "in0");
  CHECK(plan->twins[1].name == "in0.20");
  CHECK(plan->twins[2].name == "out0");
}

TEST_CASE("the twin answers for the part of a pool that lies in its subnet", "[twin]") {
  auto config = two_ports();
  conf::Pool pool;
  pool.ranges = {range("203.0.113.16", "203.0.113.31"), range("203.0.113.254", "203.0.114.10"),
                 range("198.51.100.0", "198.51.100.255")};
  config.nat64.emplace_back().pools = {pool};
  const auto plan = make_kernel_plan(config);
  REQUIRE(plan);
  CHECK(texts(plan->twins[2].answered_for) == Texts{"203.0.113.16/28", "203.0.113.254/31"});
  CHECK(plan->twins[0].answered_for.empty());
}

TEST_CASE("the twin answers for IPv4 addresses of stateless instances in its subnet", "[twin]") {
  auto config = two_ports();
  config.siit.emplace_back().inside4 = {*net::parse_ip4_prefix("203.0.113.128/25"),
                                        *net::parse_ip4_prefix("198.51.100.0/24")};
  const auto plan = make_kernel_plan(config);
  REQUIRE(plan);
  CHECK(texts(plan->twins[2].answered_for) == Texts{"203.0.113.128/25"});
}

TEST_CASE("the twin answers for IPv4 addresses that are mapped one by one", "[twin]") {
  auto config = two_ports();
  const auto mapping = [](const char* v6, const char* v4) {
    return net::Eam{*net::parse_ip6_prefix(v6), *net::parse_ip4_prefix(v4)};
  };
  config.siit.emplace_back().mappings = {mapping("2001:db8:1::82/128", "203.0.113.82/32"),
                                         mapping("2001:db8:1::80/128", "203.0.113.80/32"),
                                         mapping("2001:db8:1::81/128", "203.0.113.81/32"),
                                         mapping("2001:db8:1::/124", "198.51.100.0/28")};
  config.siit.back().inside4 = {*net::parse_ip4_prefix("203.0.113.80/31")};
  const auto plan = make_kernel_plan(config);
  REQUIRE(plan);
  CHECK(texts(plan->twins[2].answered_for) == Texts{"203.0.113.80/31", "203.0.113.82/32"});
  CHECK(plan->twins[0].answered_for6.empty());  // those belong to the hosts
}

TEST_CASE("addresses of a whole subnet or more belong to the hosts on it", "[twin]") {
  // A CLAT: the IPv4 hosts are on the link, and all of the IPv4 Internet is behind the translator.
  auto config = two_ports();
  config.siit.emplace_back().inside4 = {net::Ip4Prefix{}};
  config.siit.back().mappings = {
      {*net::parse_ip6_prefix("2001:db8:c1a7::/120"), *net::parse_ip4_prefix("203.0.113.0/24")}};
  const auto plan = make_kernel_plan(config);
  REQUIRE(plan);
  CHECK(plan->twins[2].answered_for.empty());
}

TEST_CASE("the twin answers for translation prefixes inside its subnet", "[twin]") {
  auto config = two_ports();
  const auto prefix = [](const char* text) {
    return net::Prefix6052::make(*net::parse_ip6_prefix(text)).value();
  };
  config.nat64.emplace_back().prefixes = {prefix("64:ff9b::/96"), prefix("2001:db8:1:0:0:64::/96")};
  config.siit.emplace_back().prefix = prefix("2001:db8:2:0:0:46::/96");
  const auto plan = make_kernel_plan(config);
  REQUIRE(plan);
  REQUIRE(plan->twins[0].answered_for6.size() == 1);
  CHECK(net::to_string(plan->twins[0].answered_for6[0]) == "2001:db8:1::64:0:0/96");
  REQUIRE(plan->twins[1].answered_for6.size() == 1);
  CHECK(net::to_string(plan->twins[1].answered_for6[0]) == "2001:db8:2::46:0:0/96");
  CHECK(plan->twins[2].answered_for6.empty());
}

TEST_CASE("a service address on no interface is put on the first twin", "[twin]") {
  auto config = two_ports();
  config.dns64.enabled = true;
  config.dns64.listen = {ip("2001:db8:2::1"), ip("2001:db8::53"), ip("198.51.100.53")};
  const auto plan = make_kernel_plan(config);
  REQUIRE(plan);
  const auto& addresses = plan->twins[0].addresses;
  REQUIRE(addresses.size() == 3);
  CHECK(addresses[1].address == ip("2001:db8::53"));
  CHECK(addresses[1].length == 128);
  CHECK(addresses[2].address == ip("198.51.100.53"));
  CHECK(addresses[2].length == 32);
}

TEST_CASE("a route goes out of the interface with its gateway's subnet", "[twin]") {
  auto config = two_ports();
  config.routes = {{net::Ip4Prefix{}, ip("203.0.113.254"), 7},
                   {*net::parse_ip6_prefix("2001:db8:100::/40"), ip("2001:db8:2::2"), 8}};
  const auto plan = make_kernel_plan(config);
  REQUIRE(plan);
  REQUIRE(plan->routes.size() == 2);
  CHECK(plan->routes[0].interface == 2);
  CHECK(plan->routes[1].interface == 1);
  CHECK(plan->twins[2].gateways == std::vector{ip("203.0.113.254")});
}

TEST_CASE("a gateway in no subnet is an error that names its line", "[twin]") {
  auto config = two_ports();
  config.routes = {{net::Ip4Prefix{}, ip("192.0.2.254"), 7}};
  const auto plan = make_kernel_plan(config);
  REQUIRE_FALSE(plan);
  CHECK(plan.error().text ==
        "isthmus.conf:7: route 0.0.0.0/0: the gateway 192.0.2.254 is in no subnet of an "
        "interface; give an interface an address in the gateway's subnet");
}

}  // namespace isthmus::control::twin_plan_test
