// SPDX-License-Identifier: BSD-3-Clause
// What a translator reports: the ring, what an event holds, refusals at a bounded rate.
#include "nat/events.h"

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "catch.h"
#include "packets/harness.h"
#include "packets/rows.h"

namespace isthmus::nat::events_test {
namespace {

using test::ip4, test::ip6, test::kA, test::kPZ, test::kPZ2;

std::vector<Event> drain(Translator& translator) {
  std::vector<Event> out;
  for (Event event; translator.events().pop(event);) out.push_back(event);
  return out;
}

Settings with_events(EventMask mask) {
  auto settings = test::stateful();
  settings.events = mask;
  return settings;
}

}  // namespace

TEST_CASE("events: names are distinct, and refusals stand last") {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kEventKinds; ++i) {
    const auto kind = static_cast<EventKind>(i);
    CHECK(names.insert(name(kind)).second);
    CHECK_FALSE(help(kind).empty());
    CHECK(((kRefusalEvents & mask_of(kind)) != 0) == (kind >= EventKind::kPoolExhausted));
  }
}

TEST_CASE("events: a full ring loses and counts, and goes on") {
  telemetry::Counters counters;
  Arena arena;
  REQUIRE(arena.map(EventRing::need(8)));
  Events events(counters);
  REQUIRE(events.init(arena, 8));
  Event event;
  for (uint16_t i = 0; i < 11; ++i) {
    event.pool = i;
    events.tell(event);
  }
  CHECK(counters.get(telemetry::Counter::kEventsLost) == 3);
  for (uint16_t i = 0; i < 8; ++i) {
    REQUIRE(events.ring().pop(event));
    CHECK(event.pool == i);
  }
  CHECK_FALSE(events.ring().pop(event));
  events.tell(event);
  CHECK(events.ring().pop(event));
  CHECK(counters.get(telemetry::Counter::kEventsLost) == 3);
}

TEST_CASE("events: two threads, nothing twice, in order") {
  telemetry::Counters counters;
  Arena arena;
  REQUIRE(arena.map(EventRing::need(64)));
  Events events(counters);
  REQUIRE(events.init(arena, 64));
  constexpr uint32_t kCount = 100'000;
  std::atomic<bool> done{false};
  std::thread producer([&] {
    Event event;
    for (uint32_t i = 1; i <= kCount; ++i) {
      event.count = i;
      events.tell(event);
    }
    done = true;
  });
  uint32_t last = 0, got = 0;
  bool ordered = true;
  for (bool more = true; more;) {
    more = !done;
    for (Event event; events.ring().pop(event); ++got) {
      ordered = ordered && event.count > last;
      last = event.count;
    }
  }
  producer.join();
  CHECK(ordered);
  CHECK(got + counters.get(telemetry::Counter::kEventsLost) == kCount);
}

TEST_CASE("RFC 8158: session and binding events carry both sides of the flow") {
  test::Harness harness(with_events(kSessionEvents | kBindingEvents), test::path(), 1, 1);
  auto& translator = harness.translator(0);
  harness.exchange({ip6(kA, kPZ).udp(5000, 53)});
  const uint32_t made_ms = harness.now();
  auto events = drain(translator);
  REQUIRE(events.size() == 2);
  CHECK(events[0].kind == EventKind::kBindingCreated);
  CHECK(events[1].kind == EventKind::kSessionCreated);
  BindingInfo binding;
  REQUIRE(translator.dump_bindings(0, 10, {}, {&binding, 1}).count == 1);
  for (const auto& event : events) {
    CHECK(event.time_ms == made_ms);
    CHECK(event.protocol == 17);
    CHECK(event.inside == *net::parse_ip6(kA));
    CHECK(event.inside_port == net::Be16(5000));
    CHECK(event.outside == binding.outside);
    CHECK(event.outside_port == binding.outside_port);
  }
  CHECK(events[1].remote == *net::parse_ip4("198.51.100.10"));
  CHECK(events[1].remote_port == net::Be16(53));
  harness.advance(302'000);
  events = drain(translator);
  REQUIRE(events.size() == 2);
  CHECK(events[0].kind == EventKind::kSessionDeleted);
  CHECK(events[0].bytes[0] == 48);
  CHECK(events[0].time_ms == harness.now());
  CHECK(events[1].kind == EventKind::kBindingDeleted);
}

TEST_CASE("events: sessions and bindings are silent unless asked for, live") {
  auto settings = test::stateful();
  test::Harness harness(settings, test::path(), 1, 1);
  auto& translator = harness.translator(0);
  harness.exchange({ip6(kA, kPZ).udp(5000, 53)});
  CHECK(drain(translator).empty());
  settings.events |= kSessionEvents;
  translator.update(settings);
  harness.exchange({ip6(kA, kPZ2).udp(5000, 53)});
  CHECK(drain(translator).size() == 1);
}

TEST_CASE("events: a thousand refusals are eight events, and the next says how many") {
  auto settings = test::stateful();
  settings.max_sessions = 1;
  settings.subscriber_sessions = 1;
  test::Harness harness(settings, test::path(), 1, 1);
  auto& translator = harness.translator(0);
  const auto flows = [&](int count) {
    for (int i = 0; i < count; ++i) {
      harness.exchange({ip6(kA, kPZ).udp(static_cast<uint16_t>(5000 + i), 53)});
    }
  };
  flows(1001);
  auto events = drain(translator);
  REQUIRE(events.size() == Events::kRefusalsPerSecond);
  for (const auto& event : events) {
    CHECK(event.kind == EventKind::kSessionTableFull);
    CHECK(event.limit == LimitKind::kNone);
    CHECK(event.count == 1);
  }
  harness.advance(1000);
  flows(2);
  events = drain(translator);
  REQUIRE(events.size() == 1);
  CHECK(events[0].count == 1000 - Events::kRefusalsPerSecond + 1);
  // A few long ago do not add to what this second may tell.
  harness.advance(1000);
  flows(1001);
  CHECK(drain(translator).size() == Events::kRefusalsPerSecond);
}

TEST_CASE("RFC 8158 4.6.6: ports of the address that a host is tied to ran out") {
  for (const bool soft : {false, true}) {
    auto settings = with_events(kRefusalEvents);
    auto& pool = settings.instances[0].pools[0];
    pool.ranges[0].last = pool.ranges[0].first;
    pool.ports = {2000, 2003};
    pool.soft_pairing = soft;
    test::Harness harness(settings, test::path(), 1, 1);
    auto& translator = harness.translator(0);
    for (uint16_t port = 5000; port < 5005; ++port) {
      harness.exchange({ip6(kA, kPZ).udp(port, 53)});
    }
    const auto events = drain(translator);
    REQUIRE(events.size() == 1);
    CHECK(events[0].kind == EventKind::kPoolExhausted);
    CHECK(events[0].inside_port.host() == 5004);
    // Paired softly, any other address would have done as well: none had a port.
    CHECK(events[0].outside == (soft ? net::Ip4{} : pool.ranges[0].first));
    CHECK(events[0].outside_port.raw() == 0);
  }
}

TEST_CASE("RFC 7915 4.5, 5.1.1: what is dropped and logged is told with both ends") {
  auto settings = with_events(kRefusalEvents);
  settings.instances[0].policy.udp_zero_4to6 = xlat::UdpZero::kDrop;
  test::Harness harness(settings, test::path(), 1, 5);
  auto& translator = harness.translator(0);
  const auto out = harness.exchange({ip6(kA, kPZ).udp(5000, 53).payload("hello")});
  REQUIRE(out.size() == 1);
  const auto pool = net::Ip4(net::header_at<net::Ip4Header>(out[0].data())->source);
  const auto port = static_cast<uint16_t>(out[0][20] << 8 | out[0][21]);
  CHECK(drain(translator).empty());

  CHECK(harness.exchange({ip4(test::kZ, net::to_string(pool)).udp(53, port).zero_checksum()})
            .empty());
  auto events = drain(translator);
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == EventKind::kUdpZeroChecksum);
  CHECK(events[0].instance == 0);
  CHECK(events[0].remote == *net::parse_ip4(test::kZ));
  CHECK(events[0].remote_port.host() == 53);
  CHECK(events[0].outside == pool);
  CHECK(events[0].outside_port.host() == port);

  CHECK(harness.exchange({ip6(kA, kPZ).udp(5000, 53).zero_checksum()}).empty());
  events = drain(translator);
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == EventKind::kUdpZeroChecksum);
  CHECK(events[0].inside == *net::parse_ip6(kA));
  CHECK(events[0].remote == *net::parse_ip4(test::kZ));

  const test::Bytes chained = ip6(kA, kPZ).raw(60, test::pattern(40)).fragment(0, true, 7);
  net::PacketBuf packet;
  packet.data = const_cast<uint8_t*>(chained.data());
  packet.length = static_cast<uint32_t>(chained.size());
  translator.tell_ext_header(packet);
  events = drain(translator);
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == EventKind::kExtHeader);
  CHECK(events[0].instance == kNoInstance);
  CHECK(events[0].inside == *net::parse_ip6(kA));
  CHECK(events[0].remote == *net::parse_ip4(test::kZ));
}

}  // namespace isthmus::nat::events_test
