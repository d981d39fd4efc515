// SPDX-License-Identifier: BSD-3-Clause
#include "steer/rss_plan.h"

#include <random>

#include "catch.h"
#include "steer/owner.h"

namespace isthmus::steer {
namespace {

AddressRange addresses(const char* first, unsigned count) {
  const auto start = *net::parse_ip4(first);
  return {start, net::Ip4::from_host(start.host() + count - 1)};
}

void put(std::vector<uint8_t>& tuple, uint32_t value, unsigned bytes) {
  for (unsigned i = bytes; i-- > 0;) tuple.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

std::vector<uint8_t> tuple4(std::mt19937& random, net::Ip4 to, uint16_t port, bool ports) {
  std::vector<uint8_t> tuple;
  put(tuple, static_cast<uint32_t>(random()), 4);
  put(tuple, to.host(), 4);
  if (!ports) return tuple;
  put(tuple, static_cast<uint32_t>(random()), 2);
  put(tuple, port, 2);
  return tuple;
}

std::vector<uint8_t> tuple6(std::mt19937& random, const net::Ip6& from, bool ports) {
  std::vector<uint8_t> tuple(from.bytes.begin(), from.bytes.end());
  for (unsigned i = 0; i < (ports ? 5u : 4u); ++i) put(tuple, static_cast<uint32_t>(random()), 4);
  return tuple;
}

net::Ip6 some_ip6(std::mt19937& random) {
  net::Ip6 address;
  for (auto& octet : address.bytes) octet = static_cast<uint8_t>(random());
  return address;
}

void check_inside(const Ownership& map, const RssPlan& plan, std::mt19937& random) {
  REQUIRE(plan.inside);
  unsigned wrong = 0;
  for (int i = 0; i < 500; ++i) {
    const auto from = some_ip6(random);
    wrong += plan.worker_of(tuple6(random, from, i % 2 == 0)) != map.owner6(from);
  }
  CHECK(wrong == 0);
}

void check_outside(const Ownership& map, const RssPlan& plan, const AddressRange& pool,
                   std::mt19937& random) {
  REQUIRE(plan.outside);
  unsigned wrong = 0;
  for (uint32_t host = pool.first.host(); host <= pool.last.host(); ++host) {
    for (int i = 0; i < 2; ++i) {
      const auto address = net::Ip4::from_host(host);
      const bool by_address = map.mode4() == Mode4::kByAddress;
      const auto port = static_cast<uint16_t>(by_address ? random() : 1024 + random() % 64512);
      const bool ports = !by_address || i == 0;
      wrong += plan.worker_of(tuple4(random, address, port, ports)) != map.owner4(address, port);
    }
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("rss: a card that follows the plan finds the owner of every packet") {
  std::mt19937 random(std::random_device{}());
  const auto seed = static_cast<uint64_t>(random());
  INFO("seed " << seed);
  for (const unsigned workers : {2u, 3u, 4u, 6u, 8u, 15u, 16u, 32u}) {
    for (const unsigned count : {1u, 32u, 256u, 1024u}) {
      const auto pool = addresses("203.0.113.0", count);
      const auto map = Ownership::make(workers, seed, {pool});
      INFO(workers << " workers, " << count << " addresses");
      REQUIRE((map.mode4() == Mode4::kByAddress) == (count >= workers));
      for (const unsigned entries : {128u, 512u}) {
        check_inside(map, RssPlan::make(map, Facing::kInside, entries), random);
        check_outside(map, RssPlan::make(map, Facing::kOutside, entries), pool, random);
        const auto both = RssPlan::make(map, Facing::kBoth, entries);
        check_inside(map, both, random);
        CHECK(both.outside == (map.mode4() == Mode4::kByAddress));
        if (both.outside) check_outside(map, both, pool, random);
      }
    }
  }
}

TEST_CASE("rss: pools in many places leave a key for each family") {
  std::vector<AddressRange> pools;
  for (const char* first :
       {"192.0.2.0", "198.51.100.0", "203.0.113.0", "198.18.5.0", "198.19.77.0"}) {
    pools.push_back(addresses(first, 16));
  }
  const auto map = Ownership::make(4, 5, pools);
  CHECK_FALSE(map.is_key_for_both());
  CHECK_FALSE(RssPlan::make(map, Facing::kBoth, 128).outside);
  std::mt19937 random(6);
  check_inside(map, RssPlan::make(map, Facing::kBoth, 128), random);
  for (const auto& pool : pools) {
    check_outside(map, RssPlan::make(map, Facing::kOutside, 128), pool, random);
  }
}

TEST_CASE("rss: a range that skips a worker where addresses wrap makes it port blocks") {
  // Last seven bits 126, 127, 0: of three workers one would have none.
  const auto skips = Ownership::make(3, 1, {addresses("203.0.113.126", 3)});
  CHECK(skips.mode4() == Mode4::kByPortBlock);
  const auto does_not = Ownership::make(4, 1, {addresses("203.0.113.126", 4)});
  CHECK(does_not.mode4() == Mode4::kByAddress);
}

TEST_CASE("rss: subscribers whose prefixes end in zeros spread over workers") {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const auto map = Ownership::make(4, seed, {addresses("203.0.113.0", 4)});
    std::array<unsigned, 4> hosts{};
    net::Ip6 from = *net::parse_ip6("2001:db8::1");
    for (unsigned i = 0; i < 65536; ++i) {  // one /56 each, first /64 of it
      from.bytes[5] = static_cast<uint8_t>(i >> 8);
      from.bytes[6] = static_cast<uint8_t>(i);
      ++hosts[map.owner6(from)];
    }
    INFO("seed " << seed);
    for (const unsigned n : hosts) CHECK(n == 16384);
  }
}

}  // namespace isthmus::steer
