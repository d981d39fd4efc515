// SPDX-License-Identifier: BSD-3-Clause
// What the control core sees of a translator: dump, clear, figures, update, refusals at start.
#include "nat/translator.h"

#include <set>

#include "catch.h"
#include "packets/harness.h"

namespace isthmus::nat::translator_test {
namespace {

using test::ip4, test::ip6;

constexpr const char* kA = "2001:db8:a::a";
constexpr const char* kPZ = "2001:db8:64::198.51.100.10";

// One worker with sessions: UDP ports 1000..1000+n-1 of A, and one TCP session of B.
struct Fixture {
  explicit Fixture(uint16_t n) : harness(test::stateful(), test::path(), 1, 1) {
    for (uint16_t i = 0; i < n; ++i) {
      harness.exchange({ip6(kA, kPZ).udp(static_cast<uint16_t>(1000 + i), 53)});
    }
    harness.exchange({ip6("2001:db8:b::b", kPZ).tcp(5000, 80).flags("S")});
  }
  Translator& translator() { return harness.translator(0); }
  std::vector<SessionInfo> sessions(const Filter& filter, unsigned scan, std::size_t room) {
    std::vector<SessionInfo> all, out(room);
    uint64_t cursor = 0;
    do {
      const auto r = translator().dump_sessions(cursor, scan, filter, harness.now(), out);
      all.insert(all.end(), out.begin(), out.begin() + static_cast<std::ptrdiff_t>(r.count));
      cursor = r.next_cursor;
    } while (cursor != 0);
    return all;
  }
  test::Harness harness;
};

}  // namespace

TEST_CASE("dump: every session once, whatever the step") {
  Fixture f(50);
  for (const unsigned scan : {1u, 7u, 1000u}) {
    for (const std::size_t room : {1u, 3u, 100u}) {
      std::set<uint16_t> ports;
      for (const auto& s : f.sessions({}, scan, room)) ports.insert(s.inside_port.host());
      CHECK(ports.size() == 51);
    }
  }
}

TEST_CASE("RFC 6888 REQ-7: filtering changes live, for sessions of before, too") {
  Fixture f(3);
  auto settings = test::stateful();
  const auto mapping = f.sessions({}, 100, 100)[0];
  const auto from = [&](const char* remote) {
    return ip4(remote, net::to_string(mapping.outside)).udp(7, mapping.outside_port.host());
  };
  CHECK(f.harness.exchange({from("198.51.100.20")}).size() == 1);
  settings.instances[0].filtering = Filtering::kAddressDependent;
  f.translator().update(settings);
  f.translator().expire(f.harness.now(), 64);  // the sessions of before are noted in housekeeping
  CHECK(f.harness.exchange({from("198.51.100.10")}).size() == 1);  // another port of one it sent to
  CHECK(f.harness.exchange({from("198.51.100.20")}).size() == 1);
  CHECK(f.harness.exchange({from("198.51.100.30")}).empty());
  CHECK(f.harness.counters().get(telemetry::DropReason::kFiltered) == 1);
  settings.instances[0].filtering = Filtering::kEndpointIndependent;
  f.translator().update(settings);
  CHECK(f.harness.exchange({from("198.51.100.30")}).size() == 1);
  settings.instances[0].filtering = Filtering::kAddressDependent;
  f.translator().update(settings);
  CHECK(f.harness.exchange({from("198.51.100.30")}).size() == 1);
  f.harness.advance(302'000);
  CHECK(f.translator().table_info().bindings == 0);
  CHECK(f.harness.exchange({from("198.51.100.30")}).empty());
}

TEST_CASE("filtering: sessions that come and go while those of before are noted") {
  Fixture f(200);
  auto settings = test::stateful();
  settings.instances[0].filtering = Filtering::kAddressDependent;
  f.translator().update(settings);
  f.translator().expire(f.harness.now(), 4);  // 32 of them
  Filter some;
  some.inside = net::Ip6Prefix{*net::parse_ip6(kA), 128};
  const auto known = f.sessions(some, 1000, 1000);
  // Some on either side of the point that was reached go, and others take their places.
  for (const std::size_t i : {std::size_t{3}, std::size_t{10}, std::size_t{150}}) {
    Filter one;
    one.outside = net::Ip4Prefix{known[i].outside, 32};
    one.outside_port = known[i].outside_port.host();
    f.translator().clear_sessions(0, 100'000, one);
  }
  for (uint16_t port = 3000; port < 3010; ++port) f.harness.exchange({ip6(kA, kPZ).udp(port, 53)});
  f.harness.advance(1);
  unsigned passed = 0;
  for (const auto& s : f.sessions(some, 1000, 1000)) {
    const auto out = net::to_string(s.outside);
    passed += f.harness.exchange({ip4("198.51.100.10", out).udp(9, s.outside_port.host())}).size();
    CHECK(f.harness.exchange({ip4("198.51.100.30", out).udp(9, s.outside_port.host())}).empty());
  }
  CHECK(passed == 200 - 3 + 10);
  f.harness.advance(302'000);
  CHECK(f.harness.exchange({ip6(kA, kPZ).udp(1000, 53)}).size() == 1);
}

TEST_CASE("limits: a full table of subscribers refuses the next one, and recovers") {
  auto settings = test::stateful();
  settings.max_subscribers = 1;
  test::Harness harness(settings, test::path(), 1, 1);
  const auto from = [](const char* host) { return ip6(host, kPZ).udp(5000, 53); };
  CHECK(harness.exchange({from(kA)})[0][0] >> 4 == 4);
  CHECK(harness.exchange({from("2001:db8:b::b")})[0][0] >> 4 == 6);  // Address Unreachable
  CHECK(harness.exchange({from(kA)})[0][0] >> 4 == 4);
  CHECK(harness.counters().get(telemetry::DropReason::kSubscriberTable) == 1);
  Event event;
  REQUIRE(harness.translator(0).events().pop(event));
  CHECK(event.kind == EventKind::kSubscriberTableFull);
  harness.advance(302'000);
  CHECK(harness.exchange({from("2001:db8:b::b")})[0][0] >> 4 == 4);
}

TEST_CASE("dump: filters, and what a session tells") {
  Fixture f(5);
  Filter tcp;
  tcp.protocol = 6;
  const auto found = f.sessions(tcp, 100, 100);
  REQUIRE(found.size() == 1);
  CHECK(found[0].inside == *net::parse_ip6("2001:db8:b::b"));
  CHECK(found[0].remote == *net::parse_ip4("198.51.100.10"));
  CHECK(found[0].remote_port.host() == 80);
  CHECK(found[0].state == TcpState::kV6Init);
  CHECK(found[0].packets_6to4 == 1);
  CHECK(found[0].bytes_6to4 == 60);
  CHECK(found[0].expires_in_ms == 240'000);
  Filter inside;
  inside.inside = net::parse_ip6_prefix("2001:db8:a::/48");
  CHECK(f.sessions(inside, 100, 100).size() == 5);
  Filter remote;
  remote.remote = net::parse_ip4_prefix("192.0.2.0/24");
  CHECK(f.sessions(remote, 100, 100).empty());
  Filter port;
  port.outside_port = found[0].outside_port.host();
  port.protocol = 6;
  CHECK(f.sessions(port, 100, 100).size() == 1);
}

TEST_CASE("dump: every subscriber once, with what it takes") {
  Fixture f(5);
  f.harness.exchange({ip6("2001:db8:b::b", kPZ).icmp_echo(7, 1)});
  for (const std::size_t room : {1u, 9u}) {
    std::vector<SubscriberInfo> all, out(room);
    uint64_t cursor = 0;
    do {
      const auto r = f.translator().dump_subscribers(cursor, 1, {}, out);
      all.insert(all.end(), out.begin(), out.begin() + static_cast<std::ptrdiff_t>(r.count));
      cursor = r.next_cursor;
    } while (cursor != 0);
    REQUIRE(all.size() == 2);
    CHECK(net::to_string(all[0].inside) == "2001:db8:a::/64");
    CHECK(all[0].is_paired);
    CHECK(all[0].outside == f.sessions({}, 100, 100)[0].outside);
    CHECK(all[0].sessions == 5);
    CHECK(all[0].bindings_udp == 5);
    CHECK(all[0].bindings_tcp + all[0].bindings_icmp + all[0].blocks == 0);
    CHECK(all[1].bindings_tcp == 1);
    CHECK(all[1].bindings_icmp == 1);
    CHECK(all[1].sessions == 2);
  }
  std::vector<SubscriberInfo> out(9);
  Filter filter;
  filter.inside = net::parse_ip6_prefix("2001:db8:b::b/128");
  CHECK(f.translator().dump_subscribers(0, 100, filter, out).count == 1);
  filter = {};
  filter.outside = net::parse_ip4_prefix("192.0.2.200/32");
  CHECK(f.translator().dump_subscribers(0, 100, filter, out).count == 0);
}

TEST_CASE("clear: sessions take their bindings along, figures follow") {
  Fixture f(10);
  CHECK(f.translator().table_info().sessions == 11);
  CHECK(f.translator().table_info().bindings == 11);
  CHECK(f.translator().table_info().subscribers == 2);
  PoolInfo pool[2];
  REQUIRE(f.translator().pool_info(pool) == 1);
  CHECK(pool[0].used_udp == 10);
  CHECK(pool[0].used_tcp == 1);
  CHECK(pool[0].addresses == 8);
  CHECK(pool[0].capacity == 8 * (65536 - 1024));
  Filter udp;
  udp.protocol = 17;
  uint64_t cursor = 0;
  std::size_t count = 0;
  do {
    const auto r = f.translator().clear_sessions(cursor, 3, udp);
    count += r.count;
    cursor = r.next_cursor;
  } while (cursor != 0);
  CHECK(count == 10);
  CHECK(f.translator().table_info().sessions == 1);
  CHECK(f.translator().table_info().bindings == 1);
  CHECK(f.translator().table_info().subscribers == 1);
  REQUIRE(f.translator().pool_info(pool) == 1);
  CHECK(pool[0].used_udp == 0);
  CHECK(f.translator().clear_bindings(0, 1000, {}).count == 1);
  CHECK(f.translator().table_info().bindings == 0);
}

TEST_CASE("clear: a step deletes a quarter of what it may look at, and the next goes on there") {
  Fixture f(100);
  const Filter all;
  Filter udp;
  udp.protocol = 17;
  auto step = f.translator().clear_sessions(0, 64, udp);
  CHECK(step.count == 16);
  REQUIRE(step.next_cursor != 0);
  step = f.translator().clear_bindings(step.next_cursor, 64, udp);
  CHECK(step.count == 16);
  CHECK(f.sessions(udp, 1000, 1000).size() == 100 - 32);
  // Those that do not match cost one place each.
  Filter nobody;
  nobody.inside = net::parse_ip6_prefix("2001:db8:ffff::/48");
  CHECK(f.translator().clear_sessions(0, 1000, nobody).next_cursor == 0);
  unsigned steps = 0;
  for (uint64_t cursor = step.next_cursor; cursor != 0; ++steps) {
    cursor = f.translator().clear_sessions(cursor, 64, all).next_cursor;
  }
  CHECK(f.sessions(udp, 1000, 1000).empty());
  CHECK(steps >= 4);
}

TEST_CASE("update: new lifetimes hold for sessions that exist") {
  Fixture f(1);
  auto settings = test::stateful();
  settings.instances[0].timers.udp = 120;
  f.translator().update(settings);
  f.harness.advance(121'000);
  Filter udp;
  udp.protocol = 17;
  CHECK(f.sessions(udp, 100, 100).empty());
}

TEST_CASE("memory: at most 160 bytes for a session with a binding of its own") {
  auto settings = test::stateful();
  settings.max_sessions = settings.max_bindings = 1'000'000;
  settings.max_subscribers = 16'000;
  test::Harness harness(settings, test::path(), 1, 1);
  const auto info = harness.translator(0).table_info();
  CHECK(info.memory_bytes / 1'000'000 <= 160);
}

TEST_CASE("make: refuses what cannot work, and says why") {
  telemetry::Counters counters;
  auto settings = test::stateful();
  settings.instances[0].prefixes.clear();
  const auto ownership = steer::Ownership::make(1, 1, settings.instances[0].pools[0].ranges);
  CHECK_FALSE(Translator::make(settings, ownership, 0, counters));
  settings = test::stateful();
  settings.instances[0].pools.clear();
  CHECK_FALSE(Translator::make(settings, ownership, 0, counters));
}

}  // namespace isthmus::nat::translator_test
