// SPDX-License-Identifier: BSD-3-Clause
// Rings and queues that are full: every packet is either passed on or counted, and the dataplane
// goes on.
#include "catch.h"
#include "dataplane/pipeline.h"

using namespace isthmus;
using namespace isthmus::test;
using telemetry::Counter;
using telemetry::DropReason;

TEST_CASE("limits: a full punt ring drops and counts") {
  Pipeline rig({});
  const Bytes ping = ip6(inside_host(1), "2001:db8:1::1").icmp_echo(1, 1);
  constexpr unsigned kPings = 1500;
  for (unsigned i = 0; i < kPings; ++i) {
    rig.from_inside(ping);
    rig.run();
  }
  CHECK(rig.count(DropReason::kPuntFull) == kPings - 1023);
  CHECK(rig.punts().size() == 1023);
  rig.from_inside(ping);
  CHECK(rig.punts().size() == 1);
}

TEST_CASE(
    "limits: a control core that is dead does not stop translation, whatever is asked of it") {
  Pipeline rig({});
  const Bytes query = ip6(inside_host(2), "2001:db8:1::53").udp(5000, 53).payload("query");
  const Bytes ping = ip6(inside_host(3), "2001:db8:1::1").icmp_echo(1, 1);
  constexpr unsigned kRounds = 1200;
  for (unsigned i = 0; i < kRounds; ++i) {
    rig.from_inside(query);
    rig.from_inside(ping);
    rig.from_inside(ip6(inside_host(1), mapped("192.0.2.9")).udp(5000, 7000).payload("x"));
    rig.run();
    REQUIRE(rig.to_internet().size() == 1);
  }
  CHECK(rig.count(Counter::kNat64Out) == kRounds);
  CHECK(rig.count(DropReason::kPuntFull) == 2 * kRounds - 1023);
}

TEST_CASE("limits: a full transmit queue drops and counts") {
  Pipeline rig({.ring_size = 64});
  for (unsigned i = 0; i < 4; ++i) {
    for (unsigned j = 0; j < 32; ++j) {
      rig.from_inside(ip6(inside_host(1), mapped("192.0.2.9")).udp(5000, 7000).payload("x"));
    }
    rig.run();
  }
  CHECK(rig.count(Counter::kTxPackets) == 63);
  CHECK(rig.count(DropReason::kTxFull) == 4 * 32 - 63);
  CHECK(rig.to_internet().size() == 63);
  rig.from_inside(ip6(inside_host(1), mapped("192.0.2.9")).udp(5000, 7000).payload("x"));
  CHECK(rig.to_internet().size() == 1);
}

TEST_CASE("limits: a full hand-off ring drops and counts") {
  Pipeline rig({.workers = 2});
  // A subscriber that worker 0 does not own.
  unsigned subscriber = 0;
  while (rig.engine().ownership().owner6(*net::parse_ip6(inside_host(subscriber))) != 1) {
    ++subscriber;
  }
  constexpr unsigned kPackets = 1200;
  for (unsigned i = 0; i < kPackets; ++i) {
    rig.from_inside(ip6(inside_host(subscriber), mapped("192.0.2.9")).udp(5000, 7000).payload("x"));
    rig.engine().worker(0).poll_once();  // worker 1 is stuck
  }
  CHECK(rig.count(DropReason::kHandoffFull) == kPackets - 1023);
  CHECK(rig.to_internet().size() + rig.count(DropReason::kTxFull) == 1023);
}

TEST_CASE("limits: injection that finds no room fails, and frames are held to the MTU") {
  Pipeline rig({});
  const auto frame_of = [&](int payload) {
    return frame(ip6("2001:db8:1::1", inside_host(1)).udp(1, 2).payload(payload),
                 Pipeline::host_mac(), rig.own_mac(true));
  };
  unsigned taken = 0;
  while (taken < 5000 && rig.engine().inject(Pipeline::kIn, frame_of(10))) ++taken;
  CHECK(taken == 1023);
  // 1023 places in the ports' ring, too.
  CHECK(rig.to_inside().size() == 1023);
  CHECK(rig.count(Counter::kInjected) == 1023);
  CHECK(rig.engine().inject(Pipeline::kIn, frame_of(1500 - 48)));
  CHECK_FALSE(rig.engine().inject(Pipeline::kIn, frame_of(1500 - 47)));
  CHECK_FALSE(rig.engine().inject(Pipeline::kIn, Bytes(13)));
  CHECK_FALSE(rig.engine().inject(9, frame_of(10)));
  CHECK(rig.to_inside().size() == 1);
}

TEST_CASE("limits: injected frames leave through a worker that has a queue of the port") {
  Pipeline rig({.workers = 4, .queues = 1});
  for (const auto interface : {Pipeline::kIn, Pipeline::kOut}) {
    const bool inside = interface == Pipeline::kIn;
    const Bytes packet = ip6("2001:db8:1::1", inside_host(1)).udp(1, 2).payload("x");
    CHECK(rig.engine().inject(
        interface, frame(packet, inside ? Pipeline::host_mac() : Pipeline::internet_mac(),
                         rig.own_mac(inside))));
    CHECK((inside ? rig.to_inside() : rig.to_internet()) == std::vector<Bytes>{packet});
  }
}
