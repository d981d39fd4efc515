// SPDX-License-Identifier: BSD-3-Clause
// Pools by themselves: ports, their rest, and blocks.
#include <map>
#include <memory>
#include <random>
#include <set>

#include "catch.h"
#include "nat/pool_update.h"
#include "nat/pools.h"

namespace isthmus::nat::pools_test {

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
  PoolFixture(Settings with, unsigned workers = 1, unsigned worker = 0)
      : settings(std::move(with)), ownership(std::move(*make_ownership(settings, workers, 1))) {
    auto set = PoolSet::make(settings, ownership, worker, nullptr);
    REQUIRE(set);
    REQUIRE(arena.map(Pools::need(settings)));
    REQUIRE(pools.init(arena, settings, std::move(*set)));
  }
  PoolFixture(uint16_t first, uint16_t last, unsigned workers = 1, unsigned worker = 0)
      : PoolFixture(pool_settings(first, last), workers, worker) {}

  bool allocate(uint8_t protocol, uint16_t inside, net::Be16& port, uint32_t subscriber = 0) {
    return grant(protocol, inside, port, subscriber) == Grant::kDone;
  }
  Grant grant(uint8_t protocol, uint16_t inside, net::Be16& port, uint32_t subscriber) {
    uint32_t address = 0;
    return pools.allocate(address, {protocol, net::Be16(inside), subscriber}, random, port);
  }
  Settings settings;
  steer::Ownership ownership;
  Arena arena;
  telemetry::Counters counters;
  Events events{counters};
  Pools pools{events, counters};
  Random random{7};
};

}  // namespace

TEST_CASE("RFC 6146 3.5.1.1: range and parity while there is room, then any port") {
  PoolFixture f(1000, 1047);  // 24 below 1024, 24 above
  std::set<uint16_t> taken;
  for (int i = 0; i < 48; ++i) {
    net::Be16 port;
    REQUIRE(f.allocate(17, 2000, port));
    CHECK(taken.insert(port.host()).second);
    CHECK(port.host() >= 1000);
    CHECK(port.host() <= 1047);
    if (i < 12) CHECK((port.host() >= 1024 && port.host() % 2 == 0));
    if (i < 24) CHECK(port.host() >= 1024);
  }
  net::Be16 none;
  CHECK_FALSE(f.allocate(17, 2000, none));
  CHECK(f.pools.choose(0, 17, f.random) == Pools::kNone);
  f.pools.release(*net::parse_ip4("203.0.113.1"), 17, net::Be16(1003));
  CHECK_FALSE(f.allocate(17, 2000, none));  // it rests
  f.pools.tick(120'000);
  f.pools.expire(10, [](uint32_t) {});
  net::Be16 port;
  REQUIRE(f.allocate(17, 2000, port));
  CHECK(port.host() == 1003);
}

TEST_CASE("RFC 6056: ports are not handed out in order") {
  PoolFixture f(1024, 65535);
  int ascending = 0;
  uint16_t last = 0;
  for (int i = 0; i < 200; ++i) {
    net::Be16 port;
    REQUIRE(f.allocate(6, 2000, port));
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
    while (f.allocate(17, 5000, port)) {
      REQUIRE(taken.insert(port.host()).second);
      REQUIRE(f.ownership.owner4(*net::parse_ip4("203.0.113.1"), port.host()) == worker);
    }
  }
  CHECK(taken.size() == 1000);
}

TEST_CASE("RFC 6888 REQ-8: UDP and ICMP ports rest, TCP ports do not") {
  PoolFixture f(2000, 2003);
  const auto t = *net::parse_ip4("203.0.113.1");
  net::Be16 port;
  for (const uint8_t protocol : {uint8_t{1}, uint8_t{6}, uint8_t{17}}) {
    for (int i = 0; i < 4; ++i) REQUIRE(f.allocate(protocol, 2000, port));
    f.pools.release(t, protocol, net::Be16(2001));
    CHECK(f.allocate(protocol, 2001, port) == (protocol == 6));
  }
  f.pools.tick(119'999);
  f.pools.expire(10, [](uint32_t) {});
  CHECK_FALSE(f.allocate(17, 2001, port));
  f.pools.tick(120'000);
  CHECK(f.pools.expire(1, [](uint32_t) {}));  // one of two, by its budget
  CHECK_FALSE(f.pools.expire(1, [](uint32_t) {}));
  CHECK(f.allocate(17, 2001, port));
  CHECK(f.allocate(1, 2001, port));
  CHECK(port.host() == 2001);
}

TEST_CASE("RFC 6888 REQ-8: of more resting ports than allowed the oldest becomes free first") {
  auto settings = pool_settings(2000, 2007);
  settings.instances[0].pools[0].hold_down_ports = 2;
  PoolFixture f(settings);
  const auto t = *net::parse_ip4("203.0.113.1");
  net::Be16 port;
  for (int i = 0; i < 8; ++i) REQUIRE(f.allocate(17, 2000, port));
  for (const uint16_t freed : {2003, 2005, 2001}) f.pools.release(t, 17, net::Be16(freed));
  REQUIRE(f.allocate(17, 2001, port));
  CHECK(port.host() == 2003);
  CHECK_FALSE(f.allocate(17, 2001, port));
  PoolInfo info[1];
  REQUIRE(f.pools.info(info) == 1);
  CHECK((info[0].used_udp == 6 && info[0].held == 2));
}

TEST_CASE("RFC 6888 REQ-8: no time, no ports, or address-dependent filtering: no rest") {
  for (int way = 0; way < 3; ++way) {
    auto settings = pool_settings(2000, 2000);
    auto& instance = settings.instances[0];
    if (way == 0) instance.pools[0].hold_down = 0;
    if (way == 1) instance.pools[0].hold_down_ports = 0;
    if (way == 2) instance.filtering = Filtering::kAddressDependent;
    PoolFixture f(settings);
    net::Be16 port;
    REQUIRE(f.allocate(17, 2000, port));
    f.pools.release(*net::parse_ip4("203.0.113.1"), 17, port);
    CHECK(f.allocate(17, 2000, port));
  }
}

TEST_CASE("RFC 7857 5: neither class nor parity is kept where the operator says so") {
  auto settings = pool_settings(1000, 1047);
  settings.instances[0].pools[0].preserve_class = false;
  settings.instances[0].pools[0].preserve_parity = false;
  PoolFixture f(settings);
  unsigned low = 0, odd = 0;
  for (int i = 0; i < 24; ++i) {
    net::Be16 port;
    REQUIRE(f.allocate(17, 2000, port));
    low += port.host() < 1024 ? 1 : 0;
    odd += port.host() % 2;
  }
  CHECK((low > 2 && low < 22));
  CHECK((odd > 2 && odd < 22));
}

namespace {

Settings block_settings(uint16_t first, uint16_t last) {
  auto settings = pool_settings(first, last);
  auto& pool = settings.instances[0].pools[0];
  pool.allocation = Allocation::kBlocks;
  pool.block_size = 64;
  pool.blocks_per_subscriber = 2;
  return settings;
}

PoolInfo info_of(const Pools& pools) {
  PoolInfo info[1];
  REQUIRE(pools.info(info) == 1);
  return info[0];
}

}  // namespace

TEST_CASE("RFC 6888 REQ-15: a subscriber's ports lie in its blocks, at random, parity kept") {
  PoolFixture f(block_settings(2000, 2999));  // blocks of 2048 to 2943: 14
  CHECK(info_of(f.pools).blocks == 14);
  std::map<uint32_t, std::set<unsigned>> blocks;
  int ascending = 0;
  uint16_t last = 0;
  for (int i = 0; i < 128; ++i) {
    const uint32_t subscriber = i % 4 == 0 ? 1 : 0;
    net::Be16 port;
    REQUIRE(f.allocate(17, 5001, port, subscriber));
    if (blocks[subscriber].insert(port.host() / 64).second) continue;
    if (subscriber == 1) CHECK(port.host() % 2 == 1);
    ascending += port.host() > last ? 1 : 0;
    last = port.host();
  }
  CHECK(blocks[1].size() == 1);  // 32 odd ports: one block's
  CHECK(blocks[0].size() == 2);
  CHECK(*blocks[1].begin() != *blocks[0].begin());
  CHECK(ascending < 100);
  CHECK(f.counters.get(telemetry::Counter::kBlocksGranted) == 3);
  // The third block would be one too many; other protocols have the same blocks.
  net::Be16 port;
  for (int i = 0; i < 32; ++i) REQUIRE(f.allocate(17, 5001, port, 0));
  CHECK(f.grant(17, 1, port, 0) == Grant::kLimit);
  REQUIRE(f.allocate(6, 80, port, 0));
  CHECK(blocks[0].count(port.host() / 64) == 1);
}

TEST_CASE("port blocks: a record of each grant and return says all there is to know") {
  PoolFixture f(block_settings(2048, 2111));
  Arena arena;
  REQUIRE(arena.map(EventRing::need(8)));
  REQUIRE(f.events.init(arena, 8));
  f.events.want(kPortBlockEvents);
  uint32_t address = 0;
  net::Be16 port;
  const auto prefix = *net::parse_ip6("2001:db8:a::");
  REQUIRE(f.pools.allocate(address, {17, net::Be16(1), 3, prefix}, f.random, port) == Grant::kDone);
  f.pools.release(*net::parse_ip4("203.0.113.1"), 17, port);
  f.pools.tick(120'000);
  f.pools.expire(1, [](uint32_t) {});
  for (const auto kind : {EventKind::kPortBlockGranted, EventKind::kPortBlockReturned}) {
    Event event;
    REQUIRE(f.events.ring().pop(event));
    CHECK(event.kind == kind);
    CHECK(event.inside == prefix);
    CHECK(event.subscriber_length == 64);
    CHECK(event.outside == *net::parse_ip4("203.0.113.1"));
    CHECK((event.outside_port.host() == 2048 && event.outside_last.host() == 2111));
  }
}

TEST_CASE("port blocks: an empty one stays for its time, is used again, and goes back") {
  PoolFixture f(block_settings(2048, 2175));  // two blocks
  const auto t = *net::parse_ip4("203.0.113.1");
  net::Be16 a, b, c;
  REQUIRE(f.allocate(17, 1, a, 0));
  REQUIRE(f.allocate(17, 1, b, 1));
  CHECK_FALSE(f.allocate(17, 1, c, 2));
  f.pools.release(t, 17, a);
  CHECK(info_of(f.pools).blocks_resting == 1);
  CHECK(f.pools.holds_blocks(0));
  CHECK_FALSE(f.allocate(17, 1, c, 2));
  // Its subscriber returns in time.
  f.pools.tick(100'000);
  REQUIRE(f.allocate(6, 1, a, 0));
  CHECK(info_of(f.pools).blocks_resting == 0);
  f.pools.tick(300'000);
  std::vector<uint32_t> left;
  const auto note = [&](uint32_t subscriber) { left.push_back(subscriber); };
  f.pools.expire(10, note);
  CHECK(left.empty());
  f.pools.release(t, 6, a);
  f.pools.tick(419'999);
  f.pools.expire(10, note);
  CHECK(left.empty());
  f.pools.tick(420'000);
  f.pools.expire(10, note);
  CHECK(left == std::vector<uint32_t>{0});
  CHECK_FALSE(f.pools.holds_blocks(0));
  CHECK(f.allocate(17, 1, c, 2));
  CHECK(info_of(f.pools).blocks_granted == 2);
  CHECK(f.counters.get(telemetry::Counter::kBlocksReturned) == 1);
}

namespace {

// Workers side by side, and beside them maps of what they should hold.
class BlockPlayer {
 public:
  BlockPlayer(unsigned workers, uint64_t seed) : random_(seed) {
    auto settings = block_settings(1024, 9999);
    settings.instances[0].pools[0].block_release_delay = 10;
    settings.max_subscribers = 16;
    for (unsigned w = 0; w < workers; ++w) {
      workers_.push_back(std::make_unique<PoolFixture>(settings, workers, w));
    }
  }

  void play(int steps) {
    for (int step = 0; step < steps; ++step) {
      const auto dice = random_() % 100;
      if (dice < 60) {
        allocate();
      } else if (dice < 95) {
        release();
      } else {
        time_passes();
      }
      check_sums();
    }
  }

 private:
  using Cell = std::pair<uint8_t, uint16_t>;    // protocol, port
  using Whose = std::pair<unsigned, uint32_t>;  // worker, subscriber

  void allocate() {
    const auto w = static_cast<unsigned>(random_() % workers_.size());
    const Whose whose{w, static_cast<uint32_t>(random_() % 16)};
    const uint8_t protocol = random_() % 2 == 0 ? 17 : 6;
    net::Be16 port;
    auto& f = *workers_[w];
    if (f.grant(protocol, static_cast<uint16_t>(random_()), port, whose.second) != Grant::kDone) {
      return;
    }
    REQUIRE(used_.emplace(Cell{protocol, port.host()}, whose).second);
    REQUIRE(f.ownership.owner4(kAddress, port.host()) == w);
    const unsigned block = port.host() / 64;
    if (holder_.count(block) != 0) {
      REQUIRE(holder_[block] == whose);
    } else {
      holder_[block] = whose;
      unsigned owned = 0;
      for (const auto& [number, other] : holder_) owned += other == whose ? 1 : 0;
      REQUIRE(owned <= 2);
    }
    empty_since_.erase(block);
  }

  void release() {
    if (used_.empty()) return;
    auto it = used_.begin();
    std::advance(it, static_cast<long>(random_() % used_.size()));
    const auto [cell, whose] = *it;
    workers_[whose.first]->pools.release(kAddress, cell.first, net::Be16(cell.second));
    used_.erase(it);
    const unsigned block = cell.second / 64u;
    for (const auto& [other, user] : used_) {
      if (other.second / 64u == block) return;
    }
    empty_since_[block] = now_;
  }

  void time_passes() {
    now_ += static_cast<uint32_t>(random_() % 8000);
    for (auto& f : workers_) {
      f->pools.tick(now_);
      f->pools.expire(1000, [](uint32_t) {});
    }
    for (auto it = empty_since_.begin(); it != empty_since_.end();) {
      if (now_ - it->second < 10'000) {
        ++it;
        continue;
      }
      holder_.erase(it->first);
      it = empty_since_.erase(it);
    }
  }

  void check_sums() {
    uint64_t granted = 0, resting = 0, counted = 0;
    for (auto& f : workers_) {
      const auto info = info_of(f->pools);
      granted += info.blocks_granted;
      resting += info.blocks_resting;
      counted += info.used_tcp + info.used_udp;
    }
    REQUIRE(granted == holder_.size());
    REQUIRE(resting == empty_since_.size());
    REQUIRE(counted == used_.size());
  }

  const net::Ip4 kAddress = *net::parse_ip4("203.0.113.1");
  std::mt19937_64 random_;
  std::vector<std::unique_ptr<PoolFixture>> workers_;
  std::map<Cell, Whose> used_;
  std::map<unsigned, Whose> holder_;
  std::map<unsigned, uint32_t> empty_since_;
  uint32_t now_ = 0;
};

}  // namespace

TEST_CASE("port blocks against a slow reference; two workers never hold one cell") {
  const uint64_t seed = std::random_device{}();
  INFO("seed " << seed);
  for (const unsigned workers : {1u, 2u, 4u}) BlockPlayer(workers, seed).play(4000);
}

TEST_CASE("pool changes: address arithmetic") {
  const auto range = [](uint32_t first, uint32_t last) {
    return steer::AddressRange{net::Ip4::from_host(first), net::Ip4::from_host(last)};
  };
  using Ranges = std::vector<steer::AddressRange>;
  CHECK(subtract({range(10, 20)}, {}) == Ranges{range(10, 20)});
  CHECK(subtract({range(10, 20)}, {range(13, 15)}) == Ranges{range(10, 12), range(16, 20)});
  CHECK(subtract({range(10, 20)}, {range(5, 12), range(20, 30)}) == Ranges{range(13, 19)});
  CHECK(subtract({range(10, 20)}, {range(10, 20)}).empty());
  CHECK(subtract({range(0, 0xffffffff)}, {range(1, 0xfffffffe)}) ==
        Ranges{range(0, 0), range(0xffffffff, 0xffffffff)});
}

TEST_CASE("pools: overlap and backwards ranges are refused") {
  auto settings = pool_settings(1024, 2048);
  auto twice = settings.instances[0].pools[0];
  settings.instances[0].pools.push_back(twice);
  const auto ownership = steer::Ownership::make(1, 1, twice.ranges);
  CHECK_FALSE(PoolSet::make(settings, ownership, 0, nullptr));
  CHECK_FALSE(PoolSet::make(pool_settings(2, 1), ownership, 0, nullptr));
}

}  // namespace isthmus::nat::pools_test
