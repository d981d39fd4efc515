// SPDX-License-Identifier: BSD-3-Clause
#include "control/event_log.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "catch.h"
#include "control/pool_watch.h"
#include "fake_backend.h"

namespace isthmus::control::event_log_test {
namespace {

struct Fixture {
  std::vector<std::pair<LogLevel, std::string>> lines;
  EventLog log{
      [this](LogLevel level, const std::string& text) { lines.emplace_back(level, text); }};
  conf::Config config;
  dataplane::TimedEvent timed;

  Fixture() {
    config.nat64.emplace_back().name = "internet";
    auto& event = timed.event;
    event.kind = nat::EventKind::kSubscriberLimit;
    event.protocol = 17;
    event.inside = *net::parse_ip6("2001:db8:a::a");
    event.inside_port = net::Be16(5000);
    event.remote = *net::parse_ip4("198.51.100.10");
    event.remote_port = net::Be16(53);
    event.subscriber_length = 56;
    event.limit = nat::LimitKind::kSessions;
  }
};

// Two workers, each with half of what is in use.
struct PoolWalk : FakeWalk {
  std::vector<nat::PoolInfo> each;
  Result<std::size_t> pools(unsigned, std::span<nat::PoolInfo> out) override {
    if (fails) return Error{"busy"};
    std::copy(each.begin(), each.end(), out.begin());
    return each.size();
  }
};

}  // namespace

TEST_CASE("RFC 6888 REQ-12: a refusal in words, without its destination") {
  Fixture f;
  f.log.handle(f.timed, f.config, 100);
  REQUIRE(f.lines.size() == 1);
  CHECK(f.lines[0].first == LogLevel::kWarning);
  CHECK(f.lines[0].second ==
        "subscriber-limit: a subscriber reached a limit of its own; nat64 \"internet\"; its "
        "sessions; subscriber 2001:db8:a::/56; udp, inside 2001:db8:a::a port 5000");
}

TEST_CASE("event log: one line of a kind in ten seconds, and how many it stands for") {
  Fixture f;
  f.log.handle(f.timed, f.config, 100);
  f.timed.event.count = 1000;
  for (int i = 0; i < 99; ++i) f.log.handle(f.timed, f.config, 100 + 0.1 * i);
  CHECK(f.lines.size() == 1);
  // Another kind has its own turn.
  auto other = f.timed;
  other.event.kind = nat::EventKind::kPoolExhausted;
  other.event.count = 1;
  f.log.handle(other, f.config, 105);
  REQUIRE(f.lines.size() == 2);
  CHECK(f.lines[1].second.starts_with("pool-exhausted: "));
  CHECK(f.lines[1].second.find("suppressed") == std::string::npos);
  f.timed.event.count = 7;
  f.log.handle(f.timed, f.config, 110);
  REQUIRE(f.lines.size() == 3);
  CHECK(f.lines[2].second.ends_with(" (99006 more refused, suppressed since the last line)"));
  f.timed.event.count = 1;
  f.log.handle(f.timed, f.config, 120);
  REQUIRE(f.lines.size() == 4);
  CHECK(f.lines[3].second.find("suppressed") == std::string::npos);
}

TEST_CASE("event log: single sessions, bindings and blocks are for exporters") {
  Fixture f;
  for (const auto kind : {nat::EventKind::kSessionCreated, nat::EventKind::kSessionDeleted,
                          nat::EventKind::kBindingCreated, nat::EventKind::kBindingDeleted,
                          nat::EventKind::kPortBlockGranted, nat::EventKind::kPortBlockReturned}) {
    f.timed.event.kind = kind;
    f.log.handle(f.timed, f.config, 100);
  }
  CHECK(f.lines.empty());
}

TEST_CASE("RFC 7915 4.5, 5.1.1: what is dropped and logged is logged with both ends") {
  Fixture f;
  auto& event = f.timed.event;
  event = {};
  event.kind = nat::EventKind::kUdpZeroChecksum;
  event.protocol = 17;
  event.remote = *net::parse_ip4("198.51.100.10");
  event.remote_port = net::Be16(53);
  event.outside = *net::parse_ip4("203.0.113.1");
  event.outside_port = net::Be16(4000);
  f.log.handle(f.timed, f.config, 100);
  event.kind = nat::EventKind::kExtHeader;
  event.instance = nat::kNoInstance;
  event.inside = *net::parse_ip6("2001:db8:a::a");
  event.remote_port = {};
  f.log.handle(f.timed, f.config, 100);
  event.remote = {};
  f.log.handle(f.timed, f.config, 200);
  REQUIRE(f.lines.size() == 3);
  CHECK(f.lines[0].second ==
        "udp-zero-checksum: a UDP packet without checksum was dropped; nat64 \"internet\"; from "
        "198.51.100.10 port 53 to 203.0.113.1 port 4000");
  CHECK(f.lines[1].second ==
        "ext-header: an IPv6 packet was dropped for its extension headers; from 2001:db8:a::a to "
        "198.51.100.10");
  CHECK(f.lines[2].second.ends_with("; from 2001:db8:a::a"));
}

TEST_CASE("RFC 7422 2.2: a pool that fills up is warned of, once") {
  conf::Config config;
  config.nat64.emplace_back().name = "internet";
  config.nat64[0].pools.resize(2);
  config.nat64[0].pools[0].name = "main";
  config.nat64[0].pools[1].name = "blocks";
  std::vector<std::string> lines;
  PoolWatch watch([&](LogLevel, const std::string& text) { lines.push_back(text); });
  PoolWalk walk;
  walk.each.resize(2);
  walk.each[0].capacity = 1000;
  walk.each[1].pool = 1;
  walk.each[1].capacity = 6400;
  walk.each[1].blocks = 100;
  std::vector<std::pair<uint32_t, uint32_t>> reached;
  const auto look = [&](uint64_t udp, uint64_t blocks) {
    walk.each[0].used_udp = udp;
    walk.each[1].blocks_granted = blocks;
    watch.look(config, walk, [&](const nat::PoolInfo& pool, uint32_t ports) {
      reached.emplace_back(pool.pool, ports);
    });
    return std::exchange(lines, {});
  };
  using Lines = std::vector<std::string>;
  CHECK(look(899, 89).empty());
  CHECK(look(912, 89) ==
        Lines{"nat64 \"internet\", pool \"main\": 91.2 % in use; give it more addresses"});
  CHECK(look(950, 100) ==
        Lines{"nat64 \"internet\", pool \"blocks\": 100 % in use; give it more addresses"});
  CHECK(look(850, 100).empty());
  CHECK(look(799, 100) == Lines{"nat64 \"internet\", pool \"main\": 79.9 % in use again"});
  walk.fails = true;
  CHECK(look(999, 0).empty());
  walk.fails = false;
  config.nat64[0].pools[0].alarm = 0;
  config.nat64[0].pools[1].alarm = 50;
  CHECK(look(1000, 40).empty());
  CHECK(look(1000, 39) == Lines{"nat64 \"internet\", pool \"blocks\": 39 % in use again"});
  CHECK(look(1000, 50).size() == 1);
  // Collectors are told when a pool fills up, and how many ports of both workers that is.
  CHECK(reached == std::vector<std::pair<uint32_t, uint32_t>>{{0, 1800}, {1, 11520}, {1, 6400}});
}

}  // namespace isthmus::control::event_log_test
