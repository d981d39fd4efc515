// SPDX-License-Identifier: BSD-3-Clause
// Index, Wheel, Pools and the stored SYNs by themselves.
#include <map>
#include <random>
#include <set>
#include <unordered_map>

#include "catch.h"
#include "nat/held_syns.h"
#include "nat/index.h"
#include "nat/pools.h"
#include "nat/wheel.h"
#include "packets/buffer.h"

namespace isthmus::nat {

TEST_CASE("index: finds what was inserted, full and with all hashes in one bucket") {
  const uint64_t seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (const bool crowded : {false, true}) {
    constexpr uint32_t kCapacity = 2000;
    Arena arena;
    REQUIRE(arena.map(Index::need(kCapacity)));
    Index index;
    REQUIRE(index.init(arena, kCapacity));
    std::unordered_map<uint32_t, uint64_t> reference;
    for (int step = 0; step < 40000; ++step) {
      const auto record = static_cast<uint32_t>(random() % kCapacity);
      const auto it = reference.find(record);
      if (it == reference.end()) {
        // Crowded: three tags, one home; chains as long as the table.
        const uint64_t hash = crowded ? (random() % 3) << 56 | 5 : random();
        index.insert(hash, record);
        reference[record] = hash;
      } else {
        index.erase(it->second, record);
        reference.erase(it);
      }
      const auto probe = static_cast<uint32_t>(random() % kCapacity);
      const auto known = reference.find(probe);
      const uint64_t hash = known == reference.end() ? random() : known->second;
      const auto found = index.find(hash, [&](uint32_t r) { return r == probe; });
      REQUIRE(found == (known == reference.end() ? Index::kNone : probe));
    }
  }
}

TEST_CASE("wheel: comes up after its deadline, within a tick, also when the clock wraps") {
  const uint64_t seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  constexpr uint32_t kCapacity = 500;
  for (const uint32_t start : {0u, 0xfff00000u}) {
    Arena arena;
    REQUIRE(arena.map(Wheel::need(kCapacity)));
    Wheel wheel;
    REQUIRE(wheel.init(arena, kCapacity));
    uint32_t now = start;
    wheel.start(now);
    std::map<uint32_t, uint32_t> deadline;
    for (int step = 0; step < 5000; ++step) {
      const auto record = static_cast<uint32_t>(random() % kCapacity);
      if (deadline.count(record) != 0) {
        wheel.unfile(record);
        deadline.erase(record);
      } else {
        deadline[record] = now + static_cast<uint32_t>(random() % 20'000'000);
        wheel.file(record, deadline[record]);
      }
      now += static_cast<uint32_t>(random() % 20000);
      bool more = true;
      while (more) {
        more = wheel.turn(now, 7, [&](uint32_t due) {
          // Farther than a turn: looked at early, filed again.
          if (static_cast<int32_t>(deadline.at(due) - now) > 0) {
            wheel.file(due, deadline.at(due));
          } else {
            deadline.erase(due);
          }
          return true;
        });
      }
      for (const auto& [left, when] : deadline) {
        REQUIRE(static_cast<int32_t>(now - when) < 2048);
      }
    }
  }
}

namespace {

Settings pool_settings(uint16_t first, uint16_t last) {
  Settings settings;
  Instance instance;
  instance.name = "i";
  instance.pools = {
      {"p", {{*net::parse_ip4("203.0.113.1"), *net::parse_ip4("203.0.113.1")}}, {first, last}}};
  settings.instances = {instance};
  return settings;
}

struct PoolFixture {
  PoolFixture(uint16_t first, uint16_t last, unsigned workers = 1, unsigned worker = 0)
      : settings(pool_settings(first, last)),
        ownership(steer::Ownership::make(workers, 1, settings.instances[0].pools[0].ranges,
                                         {first, last})) {
    REQUIRE(pools.plan(settings, ownership, worker));
    REQUIRE(arena.map(pools.need()));
    REQUIRE(pools.init(arena));
  }
  Settings settings;
  steer::Ownership ownership;
  Arena arena;
  Pools pools;
  Random random{7};
};

}  // namespace

TEST_CASE("RFC 6146 3.5.1.1: range and parity while there is room, then any port") {
  PoolFixture f(1000, 1047);  // 24 below 1024, 24 above
  std::set<uint16_t> taken;
  for (int i = 0; i < 48; ++i) {
    net::Be16 port;
    REQUIRE(f.pools.allocate(0, 17, net::Be16(2000), f.random, port));
    CHECK(taken.insert(port.host()).second);
    CHECK(port.host() >= 1000);
    CHECK(port.host() <= 1047);
    if (i < 12) CHECK((port.host() >= 1024 && port.host() % 2 == 0));
    if (i < 24) CHECK(port.host() >= 1024);
  }
  net::Be16 none;
  CHECK_FALSE(f.pools.allocate(0, 17, net::Be16(2000), f.random, none));
  CHECK(f.pools.choose(0, 17, f.random) == Pools::kNone);
  f.pools.release(*net::parse_ip4("203.0.113.1"), 17, net::Be16(1003));
  net::Be16 port;
  REQUIRE(f.pools.allocate(0, 17, net::Be16(2000), f.random, port));
  CHECK(port.host() == 1003);
}

TEST_CASE("RFC 6056: ports are not handed out in order") {
  PoolFixture f(1024, 65535);
  int ascending = 0;
  uint16_t last = 0;
  for (int i = 0; i < 200; ++i) {
    net::Be16 port;
    REQUIRE(f.pools.allocate(0, 6, net::Be16(2000), f.random, port));
    ascending += port.host() > last ? 1 : 0;
    last = port.host();
  }
  CHECK(ascending > 60);
  CHECK(ascending < 140);
}

TEST_CASE("two workers never hold one cell") {
  std::set<uint16_t> taken;
  for (unsigned worker = 0; worker < 4; ++worker) {
    PoolFixture f(5000, 5999, 4, worker);
    net::Be16 port;
    while (f.pools.allocate(0, 17, net::Be16(5000), f.random, port)) {
      REQUIRE(taken.insert(port.host()).second);
      REQUIRE(f.ownership.owner4(*net::parse_ip4("203.0.113.1"), port.host()) == worker);
    }
  }
  CHECK(taken.size() == 1000);
}

TEST_CASE("pools: overlap and backwards ranges are refused") {
  auto settings = pool_settings(1024, 2048);
  auto twice = settings.instances[0].pools[0];
  settings.instances[0].pools.push_back(twice);
  const auto ownership = steer::Ownership::make(1, 1, twice.ranges);
  CHECK_FALSE(Pools{}.plan(settings, ownership, 0));
  CHECK_FALSE(Pools{}.plan(pool_settings(2, 1), ownership, 0));
}

TEST_CASE("stored SYNs: found by name and by remote, expire in order, bounded") {
  Arena arena;
  REQUIRE(arena.map(HeldSyns::need(3)));
  HeldSyns held;
  REQUIRE(held.init(arena, 3, {}, 1));
  test::Buffer packet(test::ip4("198.51.100.1", "203.0.113.1").tcp(1, 2).flags("S"));
  SessionKey key{};
  key.pool = *net::parse_ip4("203.0.113.1");
  key.remote = *net::parse_ip4("198.51.100.1");
  for (uint16_t i = 0; i < 3; ++i) {
    key.pool_port = net::Be16(i);
    key.remote_port = net::Be16(static_cast<uint16_t>(100 + i));
    REQUIRE(held.hold(0, key, *packet, i));
  }
  CHECK_FALSE(held.hold(0, key, *packet, 3));
  const auto second = held.find(key.pool, net::Be16(1), key.remote, net::Be16(101));
  REQUIRE(second != HeldSyns::kNone);
  CHECK(held.find_by_remote(0, key.remote, net::Be16(101)) == second);
  held.forget(second);
  CHECK(held.find(key.pool, net::Be16(1), key.remote, net::Be16(101)) == HeldSyns::kNone);
  CHECK_FALSE(held.expire(0, 6000, 6000, 10));
  const auto due = held.first_due();
  REQUIRE(due != HeldSyns::kNone);
  CHECK(held.at(due).pool_port == net::Be16(0));
  held.forget(due);
  CHECK(held.first_due() == HeldSyns::kNone);
  CHECK_FALSE(held.empty());
}

}  // namespace isthmus::nat
