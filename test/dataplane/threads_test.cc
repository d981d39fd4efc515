// SPDX-License-Identifier: BSD-3-Clause
// Workers on threads of their own: start, stop, questions, changes under load.
#include <chrono>
#include <thread>

#include "catch.h"
#include "dataplane/pipeline.h"
#include "net/headers.h"

using namespace isthmus;
using namespace isthmus::test;
using telemetry::Counter;
using telemetry::DropReason;

namespace {

// Waits for something that another thread does; the limit is for a broken program only.
template <class Condition>
bool eventually(Condition condition) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace

TEST_CASE("threads: packets flow, questions are answered, stop ends it") {
  const unsigned workers = GENERATE(1u, 2u, 4u);
  Pipeline rig({.workers = workers});
  REQUIRE(rig.engine().start());
  constexpr unsigned kPackets = 200;
  for (unsigned i = 0; i < kPackets; ++i) {
    rig.from_inside(ip6(inside_host(i % 32), mapped("192.0.2.9")).udp(5000, 7000).payload("x"),
                    i % workers);
  }
  CHECK(eventually([&] { return rig.count(Counter::kTxPackets) == kPackets; }));
  uint64_t sessions = 0;
  for (unsigned id = 0; id < workers; ++id) {
    REQUIRE(rig.engine().ask(id, [&](nat::Translator& translator, uint32_t) {
      sessions += translator.table_info().sessions;
    }));
  }
  CHECK(sessions == 32);
  CHECK_FALSE(rig.engine().ask(workers, [](nat::Translator&, uint32_t) {}));
  for (unsigned id = 0; id < workers; ++id) CHECK(rig.engine().worker_info(id).loops > 0);
  rig.engine().stop();
  rig.engine().stop();  // idempotent
}

TEST_CASE("threads: a question to workers that do not run is answered at once") {
  Pipeline rig({.workers = 2});
  bool asked = false;
  REQUIRE(rig.engine().ask(1, [&](nat::Translator&, uint32_t) { asked = true; }));
  CHECK(asked);
}

TEST_CASE("threads: forwarding changes under load never lose or misdirect a packet") {
  Pipeline rig({.workers = 2});
  REQUIRE(rig.engine().start());
  const auto destination = mapped("192.0.2.9");
  unsigned sent = 0;
  // The way to 192.0.2.9 is right before and after each change; half of one would be no route.
  for (unsigned round = 0; round < 200; ++round) {
    const auto prefix = *net::parse_ip4_prefix(round % 2 == 0 ? "192.0.2.9/32" : "192.0.2.8/31");
    for (unsigned i = 0; i < 4; ++i) {
      rig.from_inside(ip6(inside_host(i), destination).udp(5000, 7000).payload("x"), i % 2);
      ++sent;
    }
    const dataplane::NextHop via{Pipeline::kOut, *net::parse_ip4("198.51.100.254")};
    REQUIRE(rig.engine().set_route(prefix, via));
    rig.engine().publish();
    if (round % 3 == 0) REQUIRE(rig.engine().set_route(prefix, std::nullopt));
    rig.engine().set_neighbor(*net::parse_ip4("198.51.100.7"), Pipeline::kOut,
                              net::Mac{{2, 0, 0, 0, 7, static_cast<uint8_t>(round)}});
    rig.engine().publish();
    REQUIRE(eventually([&] { return rig.count(Counter::kTxPackets) == sent; }));
    for (const auto& frame : rig.out_port().sent()) {
      REQUIRE(net::to_string(net::header_at<net::EthHeader>(frame.data())->destination) ==
              Pipeline::internet_mac());
    }
  }
  CHECK(rig.count(DropReason::kNoRoute) == 0);
  CHECK(rig.count(Counter::kUnresolved) == 0);
}

TEST_CASE("threads: dataplanes one after the other in one process") {
  for (unsigned round = 0; round < 3; ++round) {
    Pipeline rig({.workers = 1 + round});
    REQUIRE(rig.engine().start());
    rig.from_inside(ip6(inside_host(1), mapped("192.0.2.9")).udp(5000, 7000).payload("x"));
    CHECK(eventually([&] { return rig.count(Counter::kTxPackets) == 1; }));
  }
}

TEST_CASE("threads: workers that nap are woken by packets and by the control core") {
  Pipeline rig({.workers = 2});
  REQUIRE(rig.engine().start());
  // Idle long enough for both to have begun to nap.
  REQUIRE(eventually([&] { return rig.engine().worker_info(0).loops > 2000; }));
  rig.from_inside(ip6(inside_host(1), mapped("192.0.2.9")).udp(5000, 7000).payload("x"), 1);
  CHECK(eventually([&] { return rig.count(Counter::kTxPackets) == 1; }));
  REQUIRE(rig.engine().ask(0, [](nat::Translator&, uint32_t) {}));
}
