// SPDX-License-Identifier: BSD-3-Clause
// Pools and tables that are full: see exhaustion.h.
#include "dataplane/exhaustion.h"
#include "packets/diff.h"

using namespace isthmus;
using namespace isthmus::test;
using namespace isthmus::test::exhaustion;
using telemetry::Counter;

TEST_CASE("exhaustion: RFC 6146 3.5.1.1: a pool without free ports") {
  const unsigned workers = GENERATE(1u, 2u, 4u);
  const auto kind = GENERATE(Flow::kUdp, Flow::kTcp, Flow::kIcmp);
  INFO(workers << " workers, kind " << int(kind));
  FlowRig rig(options(workers, eight_ports));
  const auto flows = open_flows(rig, 2, 4, kind);
  CHECK(rig.ports_in_use() == 8 * workers);
  // A subscriber that has ports, and one that has none.
  const auto fresh = [&](unsigned worker, unsigned i) {
    return flow_of(rig.host_of(worker, i % 2 * 2), 6000 + i, kind);
  };
  refuses(rig, flows, fresh, DropReason::kPoolExhausted, nat::EventKind::kPoolExhausted);
  // Other protocols have ports of their own; sessions need none.
  for (unsigned worker = 0; worker < workers; ++worker) {
    const auto other = kind == Flow::kUdp ? Flow::kTcp : Flow::kUdp;
    rig.lives(rig.open(flow_of(rig.host_of(worker), 5000, other)));
    remove_one(rig, rig.open(flow_of(rig.host_of(worker), 5001, other)));
    if (kind != Flow::kIcmp) rig.lives(rig.open(flows[worker][0].to(7001), {0, 1}));
  }
  rig.check_counters();

  SECTION("one port comes back, and is used at once") {
    for (unsigned worker = 0; worker < workers; ++worker) {
      remove_one(rig, flows[worker][7]);
      const Flow opened = rig.open(fresh(worker, 98));
      CHECK(opened.outside == flows[worker][7].outside);
      CHECK(opened.address == flows[worker][7].address);
      rig.lives(opened);
      rig.refused(fresh(worker, 99), DropReason::kPoolExhausted);
      for (unsigned i = 0; i < 7; ++i) rig.lives(flows[worker][i]);
    }
    rig.check_counters();
  }
  SECTION("all are cleared") {
    const auto before = rig.tables();
    rig.clear();
    rig.ended(before.bindings, before.sessions);
    CHECK(rig.ports_in_use() == 0);
    used_again(rig, fresh);
  }
  SECTION("a range is added") {
    auto config = rig.make_config();
    config.nat64[0].pools[0].ranges.push_back(
        {*net::parse_ip4("203.0.113.128"),
         net::Ip4::from_host(net::parse_ip4("203.0.113.128")->host() + workers - 1)});
    REQUIRE(rig.engine().update(config));
    // RFC 4787 REQ-2: who has a paired address keeps to it, full as it is.
    for (unsigned worker = 0; worker < workers; ++worker) {
      rig.refused(fresh(worker, 98), DropReason::kPoolExhausted);
    }
    used_again(rig, fresh);
    for (const auto& of_worker : flows) rig.lives(of_worker);
    rig.check_counters();
  }
}

TEST_CASE("exhaustion: a pool whose flows expire is used again at once") {
  const unsigned workers = GENERATE(1u, 2u, 4u);
  FlowRig rig(options(workers, eight_ports));
  open_flows(rig, 2, 4);
  const auto fresh = [&](unsigned worker, unsigned i) {
    return flow_of(rig.host_of(worker, i % 2 * 2), 6000 + i);
  };
  for (unsigned worker = 0; worker < workers; ++worker) {
    rig.refused(fresh(worker, 0), DropReason::kPoolExhausted);
  }
  CHECK(rig.let_pass(kUdpGone).nothing());
  rig.ended(8 * workers, 8 * workers);
  CHECK(rig.ports_in_use() == 0);
  CHECK(rig.tables().subscribers == 0);
  used_again(rig, fresh);
}

TEST_CASE("exhaustion: RFC 6888 REQ-8: freed ports rest, at most so many") {
  const unsigned workers = GENERATE(1u, 2u, 4u);
  FlowRig rig(options(workers, [=](conf::Config& config) {
    eight_ports(config);
    config.nat64[0].pools[0].hold_down = 120;
    config.nat64[0].pools[0].hold_down_ports = 6 * workers;
  }));
  const auto flows = open_flows(rig, 1, 8);
  rig.clear();
  rig.ended(8 * workers, 8 * workers);
  // Two more than may rest are free again at once, the others after two minutes.
  for (unsigned worker = 0; worker < workers; ++worker) {
    for (unsigned i = 0; i < 2; ++i) rig.lives(rig.open(flow_of(rig.host_of(worker), 6000 + i)));
    rig.refused(flow_of(rig.host_of(worker), 6002), DropReason::kPoolExhausted);
  }
  CHECK(rig.let_pass(119'000).nothing());
  for (unsigned worker = 0; worker < workers; ++worker) {
    rig.refused(flow_of(rig.host_of(worker), 6002), DropReason::kPoolExhausted);
  }
  CHECK(rig.let_pass(2'000).nothing());
  for (unsigned worker = 0; worker < workers; ++worker) {
    for (unsigned i = 2; i < 8; ++i) rig.lives(rig.open(flow_of(rig.host_of(worker), 6000 + i)));
    rig.refused(flow_of(rig.host_of(worker), 6008), DropReason::kPoolExhausted);
  }
  rig.check_counters();
}

TEST_CASE("exhaustion: one address that workers share by port block") {
  const unsigned workers = GENERATE(2u, 4u);
  auto shared = options(workers, [](conf::Config& config) {
    config.nat64[0].pools[0].first_port = 2048;
    config.nat64[0].pools[0].last_port = 2111;
  });
  shared.pool_addresses = 1;
  FlowRig rig(shared);
  std::vector<std::vector<Flow>> flows(workers);
  for (unsigned worker = 0; worker < workers; ++worker) {
    const auto address = *net::parse_ip4("203.0.113.0");
    unsigned cells = 0;
    for (uint16_t port = 2048; port <= 2111; ++port) {
      cells += rig.engine().ownership().owner4(address, port) == worker;
    }
    REQUIRE(cells != 0);
    for (unsigned i = 0; i < cells; ++i) {
      flows[worker].push_back(rig.open(flow_of(rig.host_of(worker, i % 3), 5000 + i)));
    }
  }
  CHECK(rig.ports_in_use() == 64);
  const auto fresh = [&](unsigned worker, unsigned i) {
    return flow_of(rig.host_of(worker, i % 4), 6000 + i);
  };
  refuses(rig, flows, fresh, DropReason::kPoolExhausted, nat::EventKind::kPoolExhausted);
  for (unsigned worker = 0; worker < workers; ++worker) remove_one(rig, flows[worker][0]);
  used_again(rig, fresh);
}

TEST_CASE("exhaustion: a full session table") {
  const unsigned workers = GENERATE(1u, 2u, 4u);
  INFO(workers << " workers");
  FlowRig rig(options(workers, [=](auto& config) { config.limits.sessions = 16 * workers; }));
  std::vector<std::vector<Flow>> flows(workers);
  for (unsigned worker = 0; worker < workers; ++worker) {
    auto& of_worker = flows[worker];
    of_worker.push_back(rig.open(flow_of(rig.host_of(worker), 5000)));
    for (uint16_t i = 1; i < 14; ++i) {
      const auto to = static_cast<uint16_t>(7000 + i);
      of_worker.push_back(rig.open(of_worker[0].to(to), {0, 1}));
    }
    // RFC 6146 5.3: the last eighth is for what the inside opens.
    rig.dropped_from_outside(of_worker[0].to(8000), DropReason::kSessionLimit);
    for (const uint16_t port : {5001, 5002}) {
      of_worker.push_back(rig.open(flow_of(rig.host_of(worker, 1), port)));
    }
    rig.dropped_from_outside(of_worker[0].to(8000), DropReason::kSessionLimit);
  }
  CHECK(rig.let_pass(1000).nothing());
  rig.events();
  // New remotes of a binding that there is, new bindings, new subscribers.
  const auto fresh = [&](unsigned worker, unsigned i) {
    return i % 3 == 0 ? flows[worker][0].to(static_cast<uint16_t>(9000 + i))
                      : flow_of(rig.host_of(worker, i % 3), 6000 + i);
  };
  constexpr unsigned kMany = 30;
  for (unsigned worker = 0; worker < workers; ++worker) {
    for (unsigned i = 0; i < kMany; ++i) {
      i < kErrors ? rig.refused(fresh(worker, i), DropReason::kSessionLimit)
                  : rig.refused_silently(fresh(worker, i));
      rig.lives(flows[worker][i % flows[worker].size()]);
    }
  }
  auto told = rig.events();
  CHECK(told.size() == 1);
  CHECK(told[nat::EventKind::kSessionTableFull].events ==
        nat::Events::kRefusalsPerSecond * workers);
  CHECK(rig.tables().sessions == 16 * workers);
  rig.check_counters();

  SECTION("one ends") {
    for (unsigned worker = 0; worker < workers; ++worker) remove_one(rig, flows[worker][15]);
    used_again(rig, [&](unsigned worker, unsigned) { return flow_of(rig.host_of(worker, 2), 6); });
  }
  SECTION("all expire") {
    CHECK(rig.let_pass(kUdpGone).nothing());
    rig.ended(3 * workers, 16 * workers);
    CHECK(rig.tables().sessions == 0);
    used_again(rig, [&](unsigned worker, unsigned) { return flow_of(rig.host_of(worker, 2), 6); });
  }
}

TEST_CASE("exhaustion: a full binding table") {
  const unsigned workers = GENERATE(1u, 2u, 4u);
  INFO(workers << " workers");
  FlowRig rig(options(workers, [=](auto& config) { config.limits.bindings = 12 * workers; }));
  auto flows = open_flows(rig, 3, 4);
  const auto fresh = [&](unsigned worker, unsigned i) {
    constexpr Flow::Kind kKinds[] = {Flow::kUdp, Flow::kTcp, Flow::kIcmp};
    return flow_of(rig.host_of(worker, i % 5), 6000 + i, kKinds[i % 3]);
  };
  refuses(rig, flows, fresh, DropReason::kBindingLimit, nat::EventKind::kBindingTableFull);
  for (unsigned worker = 0; worker < workers; ++worker) {
    // A binding that there is takes new sessions, from either side.
    rig.lives(rig.open(flows[worker][0].to(7001), {0, 1}));
    remove_one(rig, flows[worker][11]);
  }
  used_again(rig, fresh);
}

TEST_CASE("exhaustion: a full subscriber table") {
  const unsigned workers = GENERATE(1u, 2u, 4u);
  INFO(workers << " workers");
  FlowRig rig(options(workers, [=](auto& config) { config.limits.subscribers = 4 * workers; }));
  const auto flows = open_flows(rig, 4, 1);
  const auto fresh = [&](unsigned worker, unsigned i) {
    return flow_of(rig.host_of(worker, 4 + i % 3), 6000 + i);
  };
  refuses(rig, flows, fresh, DropReason::kSubscriberTable, nat::EventKind::kSubscriberTableFull);
  for (unsigned worker = 0; worker < workers; ++worker) {
    rig.lives(rig.open(flow_of(flows[worker][0].host, 5001)));
    rig.refused(fresh(worker, 0), DropReason::kSubscriberTable);
    remove_one(rig, flows[worker][3]);
  }
  used_again(rig, fresh);
}
