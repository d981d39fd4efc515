// SPDX-License-Identifier: BSD-3-Clause
// Index, Wheel and the stored SYNs by themselves.
#include <map>
#include <random>
#include <set>
#include <unordered_map>
#include <vector>

#include "catch.h"
#include "nat/held_syns.h"
#include "nat/index.h"
#include "nat/late_index.h"
#include "nat/wheel.h"
#include "packets/buffer.h"

namespace isthmus::nat::tables_test {

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

TEST_CASE("late index: what waits is found as if it were there, and is there after the burst") {
  const uint64_t seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  constexpr uint32_t kCapacity = 200;
  Arena arena;
  REQUIRE(arena.map(LateIndex::need(kCapacity)));
  LateIndex index;
  REQUIRE(index.init(arena, kCapacity));
  std::unordered_map<uint32_t, uint64_t> reference;
  for (int step = 0; step < 40000; ++step) {
    if (step % 64 == 0) index.begin_burst();
    const auto record = static_cast<uint32_t>(random() % kCapacity);
    const auto it = reference.find(record);
    if (it == reference.end()) {
      reference[record] = random() % 8 == 0 ? 5 : random();
      index.insert(reference[record], record);
    } else if (random() % 4 == 0) {
      index.erase(it->second, record);
      reference.erase(it);
    }
    const auto probe = static_cast<uint32_t>(random() % kCapacity);
    const auto known = reference.find(probe);
    const uint64_t hash = known == reference.end() ? random() : known->second;
    const auto equal = [&](uint32_t r) { return r == probe; };
    const auto expected = known == reference.end() ? Index::kNone : probe;
    REQUIRE(index.find(hash, equal) == expected);
    if (step % 64 != 50) continue;
    index.end_burst();
    REQUIRE(index.index().find(hash, equal) == expected);
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
        std::vector<uint32_t> soon;
        const auto announced = [&](const uint32_t* records, unsigned count) {
          soon.assign(records, records + count);
        };
        more = wheel.turn(now, 7, announced, [&](uint32_t due, unsigned i) {
          REQUIRE(soon.at(i) == due);
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

}  // namespace isthmus::nat::tables_test
