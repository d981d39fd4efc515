// SPDX-License-Identifier: BSD-3-Clause
// Exhaustion is a normal day: whatever is full, flows that there are do not notice, new ones are
// refused as the standard says and at a bounded rate, what is told about it is bounded, and room
// that returns is used at once. Every packet is counted once, under the right name.
#include "catch.h"
#include "dataplane/flows.h"
#include "net/headers.h"
#include "packets/diff.h"

using namespace isthmus;
using namespace isthmus::test;
using telemetry::Counter;
using telemetry::DropReason;

namespace {

constexpr unsigned kErrors = 10;  // a second, of each worker; also the burst (RFC 4443 2.4 f)
constexpr uint32_t kUdpGone = 302'000;

using Configure = std::function<void(conf::Config&)>;

PipelineOptions options(unsigned workers, Configure configure) {
  PipelineOptions options{.workers = workers, .pool_addresses = workers};
  options.configure = [=](conf::Config& config) {
    config.limits.icmp_errors_per_second = kErrors * workers;
    config.nat64[0].pools[0].hold_down = 0;
    configure(config);
  };
  return options;
}

// Eight cells for each worker and protocol.
void eight_ports(conf::Config& config) {
  config.nat64[0].pools[0].first_port = 2000;
  config.nat64[0].pools[0].last_port = 2007;
}

Flow flow_of(const std::string& host, unsigned port, Flow::Kind kind = Flow::kUdp) {
  return {kind, host, static_cast<uint16_t>(port)};
}

// Refusals come as fast as packets do. The others live on between them, errors are sent at the rate
// that is allowed, and of events there are few, which say how many refusals they stand for.
template <class Fresh>
void refuses(FlowRig& rig, const std::vector<std::vector<Flow>>& flows, Fresh fresh,
             DropReason reason, nat::EventKind kind) {
  constexpr unsigned kMany = 30;
  rig.events();
  const auto before = rig.tables();
  for (unsigned worker = 0; worker < rig.workers(); ++worker) {
    for (unsigned i = 0; i < kMany; ++i) {
      const Flow flow = fresh(worker, i);
      i < kErrors ? rig.refused(flow, reason) : rig.refused_silently(flow);
      rig.lives(flows[worker][i % flows[worker].size()]);
    }
  }
  auto told = rig.events();
  CHECK(told.size() == 1);
  CHECK(told[kind].events == nat::Events::kRefusalsPerSecond * rig.workers());
  CHECK(told[kind].refusals == nat::Events::kRefusalsPerSecond * rig.workers());
  CHECK(rig.let_pass(1000).nothing());
  for (unsigned worker = 0; worker < rig.workers(); ++worker) {
    rig.refused(fresh(worker, kMany), reason);
  }
  told = rig.events();
  CHECK(told[kind].events == rig.workers());
  CHECK(told[kind].refusals == (kMany + 1 - nat::Events::kRefusalsPerSecond) * rig.workers());
  // Nothing that was refused left anything behind.
  CHECK(rig.tables().sessions == before.sessions);
  CHECK(rig.tables().bindings == before.bindings);
  CHECK(rig.tables().subscribers == before.subscribers);
  rig.check_counters();
}

template <class Fresh>
void used_again(FlowRig& rig, Fresh fresh, FlowRig::Made made = {1, 1}) {
  for (unsigned worker = 0; worker < rig.workers(); ++worker) {
    rig.lives(rig.open(fresh(worker, 99), made));
  }
  rig.check_counters();
}

// For each worker the flows of `per_worker` subscribers, with ports from 5000 on.
std::vector<std::vector<Flow>> open_flows(FlowRig& rig, unsigned subscribers, unsigned ports,
                                          Flow::Kind kind = Flow::kUdp) {
  std::vector<std::vector<Flow>> flows(rig.workers());
  for (unsigned worker = 0; worker < rig.workers(); ++worker) {
    for (unsigned n = 0; n < subscribers; ++n) {
      for (unsigned port = 5000; port < 5000 + ports; ++port) {
        flows[worker].push_back(rig.open(flow_of(rig.host_of(worker, n), port, kind)));
      }
    }
  }
  return flows;
}

void remove_one(FlowRig& rig, const Flow& flow) {
  constexpr uint8_t kProtocols[] = {net::kProtoUdp, net::kProtoTcp, net::kProtoIcmp4};
  nat::Filter filter;
  filter.outside = net::Ip4Prefix{*net::parse_ip4(flow.address), 32};
  filter.outside_port = flow.outside;
  filter.protocol = kProtocols[flow.kind];
  rig.clear(filter);
  rig.ended(1, 1);
}

}  // namespace

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

namespace {

struct SubscriberLimit {
  const char* name;
  Configure configure;
  DropReason reason;
  Flow::Kind kind;
  bool new_sessions;  ///< of a binding that there is are refused, too
};

constexpr uint16_t kBlock = 64;

void give_blocks(conf::Config& config) {
  auto& pool = config.nat64[0].pools[0];
  pool.allocation = conf::Allocation::kBlocks;
  pool.first_port = 1024;
  pool.last_port = 65535;
  pool.block_size = kBlock;
  pool.blocks_per_subscriber = 2;
  pool.preserve_parity = false;
}

const SubscriberLimit kLimits[] = {
    {"sessions", [](auto& config) { config.limits.subscriber_sessions = 8; },
     DropReason::kSubscriberLimit, Flow::kUdp, true},
    {"bindings", [](auto& config) { config.limits.subscriber_bindings = 8; },
     DropReason::kSubscriberLimit, Flow::kUdp, false},
    {"tcp bindings", [](auto& config) { config.limits.subscriber_tcp_bindings = 8; },
     DropReason::kSubscriberLimit, Flow::kTcp, false},
    {"udp bindings", [](auto& config) { config.limits.subscriber_udp_bindings = 8; },
     DropReason::kSubscriberLimit, Flow::kUdp, false},
    {"icmp bindings", [](auto& config) { config.limits.subscriber_icmp_bindings = 8; },
     DropReason::kSubscriberLimit, Flow::kIcmp, false},
    {"sessions per second", [](auto& config) { config.limits.subscriber_sessions_per_second = 8; },
     DropReason::kSubscriberRate, Flow::kUdp, true},
    {"port blocks", give_blocks, DropReason::kSubscriberLimit, Flow::kUdp, false},
};

}  // namespace

TEST_CASE("exhaustion: a subscriber at each of its limits, and nobody else") {
  const unsigned workers = GENERATE(1u, 2u, 4u);
  const std::size_t which = GENERATE(range(std::size_t{0}, std::size(kLimits)));
  const auto& limit = kLimits[which];
  INFO(workers << " workers, " << limit.name);
  FlowRig rig(options(workers, limit.configure));
  const bool blocks = std::string(limit.name) == "port blocks";
  const bool rate = limit.reason == DropReason::kSubscriberRate;
  const unsigned most = blocks ? 2 * kBlock : 8;
  std::vector<std::vector<Flow>> greedy(workers), others(workers);
  for (unsigned worker = 0; worker < workers; ++worker) {
    for (unsigned i = 0; i < most; ++i) {
      greedy[worker].push_back(rig.open(flow_of(rig.host_of(worker, 0), 5000 + i, limit.kind)));
    }
    others[worker].push_back(rig.open(flow_of(rig.host_of(worker, 1), 5000, limit.kind)));
  }
  if (blocks) rig.expect(Counter::kBlocksGranted, 3 * workers);
  rig.events();
  for (unsigned worker = 0; worker < workers; ++worker) {
    for (unsigned i = 0; i < 30; ++i) {
      // Any host of the subscriber's /64; a new flow, or a new remote of an old one.
      Flow flow = flow_of(rig.host_of(worker, 0), 6000 + i, limit.kind);
      if (i % 3 == 1) flow.host += "1";
      if (i % 3 == 2 && limit.new_sessions) flow = greedy[worker][0].to(uint16_t(9000 + i));
      i < kErrors ? rig.refused(flow, limit.reason) : rig.refused_silently(flow);
      rig.lives(greedy[worker][i % most]);
      rig.lives(others[worker]);
    }
    // The neighbor goes on opening flows.
    others[worker].push_back(rig.open(flow_of(rig.host_of(worker, 1), 5001, limit.kind)));
    others[worker].push_back(rig.open(flow_of(rig.host_of(worker, 1), 5002, limit.kind)));
    rig.lives(others[worker]);
  }
  auto told = rig.events();
  CHECK(told.size() == 1);
  CHECK(told[nat::EventKind::kSubscriberLimit].events == nat::Events::kRefusalsPerSecond * workers);
  rig.check_counters();
  if (rate) {
    CHECK(rig.let_pass(125).nothing());
  } else {
    for (unsigned worker = 0; worker < workers; ++worker) remove_one(rig, greedy[worker][3]);
  }
  CHECK(rig.let_pass(1000).nothing());
  used_again(rig, [&](unsigned worker, unsigned i) {
    return flow_of(rig.host_of(worker, 0), 6000 + i, limit.kind);
  });
}

TEST_CASE("exhaustion: a subscriber's last quarter of sessions is its own to open") {
  const unsigned workers = GENERATE(1u, 2u, 4u);
  FlowRig rig(options(workers, [](auto& config) { config.limits.subscriber_sessions = 8; }));
  for (unsigned worker = 0; worker < workers; ++worker) {
    const Flow flow = rig.open(flow_of(rig.host_of(worker), 5000));
    for (uint16_t i = 0; i < 5; ++i) {
      const Flow from = flow.to(static_cast<uint16_t>(8000 + i));
      const Bytes in = from.outside_in();
      const auto sent = rig.give_internet(in);
      REQUIRE(sent.inside.size() == 1);
      CHECK(diff(from.inside_in(), sent.inside[0]) == "");
      rig.expect(Counter::kNat64In);
      rig.expect(Counter::kNat64InBytes, in.size());
      rig.expect(Counter::kSessionsCreated);
    }
    for (uint16_t i = 5; i < 20; ++i) {
      rig.dropped_from_outside(flow.to(static_cast<uint16_t>(8000 + i)),
                               DropReason::kSubscriberLimit);
    }
    rig.lives(rig.open(flow_of(rig.host_of(worker), 5001)));
    rig.lives(rig.open(flow.to(7001), {0, 1}));
    rig.refused(flow.to(7002), DropReason::kSubscriberLimit);
    rig.lives(flow);
  }
  rig.check_counters();
}

TEST_CASE("exhaustion: port blocks run out") {
  const unsigned workers = GENERATE(1u, 2u, 4u);
  const uint32_t delay = GENERATE(0u, 120u);
  FlowRig rig(options(workers, [=](conf::Config& config) {
    give_blocks(config);
    config.nat64[0].pools[0].last_port = 1024 + 4 * kBlock - 1;
    config.nat64[0].pools[0].block_release_delay = delay;
  }));
  // Four blocks each; two subscribers with two, of one of which they use one port.
  const auto flows = open_flows(rig, 2, kBlock + 1);
  rig.expect(Counter::kBlocksGranted, 4 * workers);
  auto told = rig.events();
  CHECK(told[nat::EventKind::kPortBlockGranted].events == 4 * workers);
  const auto fresh = [&](unsigned worker, unsigned i) {
    return flow_of(rig.host_of(worker, 2 + i % 2), 6000 + i);
  };
  refuses(rig, flows, fresh, DropReason::kPoolExhausted, nat::EventKind::kPoolExhausted);
  // Those who have blocks use them up, undisturbed.
  for (unsigned worker = 0; worker < workers; ++worker) {
    for (unsigned n = 0; n < 2; ++n) {
      for (unsigned i = 1; i < kBlock; ++i) {
        rig.lives(rig.open(flow_of(rig.host_of(worker, n), 5100 + i)));
      }
      rig.refused(flow_of(rig.host_of(worker, n), 5200), DropReason::kSubscriberLimit);
    }
  }
  rig.clear();
  rig.ended(4u * kBlock * workers, 4u * kBlock * workers);
  if (delay != 0) {
    for (unsigned worker = 0; worker < workers; ++worker) {
      rig.refused(fresh(worker, 0), DropReason::kPoolExhausted);
    }
  }
  CHECK(rig.let_pass(delay * 1000 + 1000).nothing());
  rig.expect(Counter::kBlocksReturned, 4 * workers);
  rig.expect(Counter::kBlocksGranted, workers);
  used_again(rig, fresh);
}

TEST_CASE("exhaustion: RFC 6146 3.5.2.2: no room to store another SYN") {
  const unsigned workers = GENERATE(1u, 2u, 4u);
  constexpr unsigned kHeld = 256;
  FlowRig rig(options(workers, [](auto&) {}));
  std::vector<Flow> flows;
  for (unsigned worker = 0; worker < workers; ++worker) {
    flows.push_back(rig.open(flow_of(rig.host_of(worker), 5000, Flow::kTcp)));
    rig.lives(flows.back());
  }
  rig.events();
  const auto syn = [&](unsigned worker, unsigned i) -> Packet {
    return ip4("192.0.2.9", flows[worker].address)
        .tcp(static_cast<uint16_t>(1000 + i), static_cast<uint16_t>(flows[worker].outside ^ 1))
        .flags("S");
  };
  for (unsigned i = 0; i < kHeld + 30; ++i) {
    for (unsigned worker = 0; worker < workers; ++worker) {
      CHECK(rig.give_internet(syn(worker, i)).nothing());
      rig.expect(i < kHeld ? DropReason::kSynHeld : DropReason::kSynDropped);
      if (i % 16 == 0) rig.lives(flows[worker]);
    }
  }
  auto told = rig.events();
  CHECK(told.size() == 1);
  CHECK(told[nat::EventKind::kSynStoreFull].events == nat::Events::kRefusalsPerSecond * workers);
  rig.check_counters();
  // Their time is up: each is owed an error, but not more are sent than is allowed.
  const auto errors = rig.let_pass(6'100).internet;
  CHECK(errors.size() == kErrors * workers);
  unsigned known = 0;
  for (const auto& error : errors) {
    for (unsigned worker = 0; worker < workers; ++worker) {
      for (unsigned i = 0; i < kErrors; ++i) {
        const Packet expected =
            ip4("198.51.100.1", "192.0.2.9").tos(0xc0).df().icmp4(3, 3).quote(syn(worker, i));
        known += diff(expected, error).empty();
      }
    }
  }
  CHECK(known == errors.size());
  rig.expect(Counter::kIcmpErrorsSent, kErrors * workers);
  for (unsigned worker = 0; worker < workers; ++worker) {
    CHECK(rig.give_internet(syn(worker, 0)).nothing());
    rig.expect(DropReason::kSynHeld);
    rig.lives(flows[worker]);
  }
  rig.check_counters();
}

TEST_CASE("exhaustion: a full fragment store") {
  const unsigned workers = GENERATE(1u, 2u, 4u);
  FlowRig rig(options(workers, [=](auto& config) {
    config.limits.fragments = 64 * workers;
    config.limits.fragment_share = 2;
  }));
  const auto flows = open_flows(rig, 1, 2);
  const auto datagram = [&](const Flow& flow, bool out) {
    return out ? ip6(flow.host, mapped(flow.remote)).udp(flow.port, 7000).payload(1600)
               : ip4(flow.remote, flow.address).udp(7000, flow.outside).payload(1600);
  };
  const auto early = [&](unsigned worker, unsigned source, unsigned id) -> Bytes {
    return ip4("192.0.2." + std::to_string(100 + source), flows[worker][0].address)
        .fragment(800, false, id)
        .raw(17, pattern(100));
  };
  const auto later_in = [&](unsigned worker, unsigned id) -> Bytes {
    return datagram(flows[worker][0], false).slice(800, 808, id);
  };
  for (unsigned worker = 0; worker < workers; ++worker) {
    // Half for one source; three quarters for a family.
    for (unsigned i = 0; i < 40; ++i) {
      CHECK(rig.give_internet(early(worker, 1, i)).nothing());
      i < 32 ? rig.expect(Counter::kFragmentsHeld) : rig.expect(DropReason::kFragmentLimit);
    }
    for (unsigned i = 0; i < 40; ++i) {
      CHECK(rig.give_internet(early(worker, 2 + i % 3, i)).nothing());
      i < 16 ? rig.expect(Counter::kFragmentsHeld) : rig.expect(DropReason::kFragmentLimit);
    }
    rig.lives(flows[worker]);
    // Whoever sends in order needs no room.
    const auto in = datagram(flows[worker][0], false);
    const auto expected = ip6(mapped("192.0.2.9"), flows[worker][0].host)
                              .hop_limit(63)
                              .udp(7000, flows[worker][0].port)
                              .payload(1600);
    for (const auto& [at, length] : {std::pair{0, 800}, {800, 808}}) {
      const Bytes piece = in.slice(at, length, 7);
      const auto sent = rig.give_internet(piece);
      REQUIRE(sent.inside.size() == 1);
      CHECK(diff(expected.slice(at, length, 7), sent.inside[0]) == "");
      rig.expect(Counter::kNat64In);
      rig.expect(Counter::kNat64InBytes, piece.size());
    }
    CHECK(rig.give_internet(later_in(worker, 8)).nothing());
    rig.expect(DropReason::kFragmentLimit);
    // The other family has its own.
    const auto out = datagram(flows[worker][0], true);
    const Bytes pieces[] = {out.slice(800, 808, 9), out.slice(0, 800, 9)};
    CHECK(rig.give_inside(pieces[0]).nothing());
    const auto sent = rig.give_inside(pieces[1]);
    CHECK(sent.internet.size() == 2);
    rig.expect(Counter::kFragmentsHeld);
    rig.expect(Counter::kNat64Out, 2);
    rig.expect(Counter::kNat64OutBytes, pieces[0].size() + pieces[1].size());
  }
  rig.check_counters();
  CHECK(rig.events().empty());
  CHECK(rig.let_pass(2'100).nothing());
  rig.expect(DropReason::kFragmentLimit, 48 * workers);
  for (unsigned worker = 0; worker < workers; ++worker) {
    const auto in = datagram(flows[worker][0], false);
    const Bytes pieces[] = {in.slice(800, 808, 10), in.slice(0, 800, 10)};
    CHECK(rig.give_internet(pieces[0]).nothing());
    CHECK(rig.give_internet(pieces[1]).inside.size() == 2);
    rig.expect(Counter::kFragmentsHeld);
    rig.expect(Counter::kNat64In, 2);
    rig.expect(Counter::kNat64InBytes, pieces[0].size() + pieces[1].size());
  }
  rig.check_counters();
}

TEST_CASE("exhaustion: a full hand-off ring") {
  const unsigned workers = GENERATE(2u, 4u);
  const bool outwards = GENERATE(true, false);
  constexpr unsigned kRing = 1023;
  constexpr unsigned kMany = kRing + 77;
  INFO(workers << " workers, " << (outwards ? "outwards" : "inwards"));
  auto roomy = options(workers, [](auto& config) { config.memory.buffers = 8192; });
  roomy.ring_size = 8192;
  FlowRig rig(roomy);
  const Flow own = rig.open(flow_of(rig.host_of(0), 5000));
  const Flow others = rig.open(flow_of(rig.host_of(1), 5000));
  rig.check_counters();
  // Worker 1 is stuck; all its packets arrive at worker 0.
  auto& port = outwards ? rig.out_port() : rig.in_port();
  const auto give = [&](const Flow& flow) {
    outwards ? rig.from_inside(flow.inside_out(), 0) : rig.from_internet(flow.outside_in(), 0);
    rig.engine().worker(0).poll_once();
    const std::size_t size = (outwards ? flow.inside_out() : flow.outside_in()).bytes().size();
    rig.expect(Counter::kRxPackets);
    rig.expect(Counter::kRxBytes, size + 14);
  };
  const auto passed = [&](const Flow& flow, uint64_t n) {
    const auto in = (outwards ? flow.inside_out() : flow.outside_in()).bytes().size();
    const auto out = (outwards ? flow.outside_out() : flow.inside_in()).bytes().size();
    rig.expect(outwards ? Counter::kNat64Out : Counter::kNat64In, n);
    rig.expect(outwards ? Counter::kNat64OutBytes : Counter::kNat64InBytes, n * in);
    rig.expect(Counter::kTxPackets, n);
    rig.expect(Counter::kTxBytes, n * (out + 14));
  };
  for (unsigned i = 0; i < kMany; ++i) {
    give(others);
    if (i % 32 != 0) continue;
    give(own);
    const auto sent = port.sent();
    REQUIRE(sent.size() == 1);
    const Bytes packet(sent[0].begin() + 14, sent[0].end());
    CHECK((outwards ? diff4(own.outside_out(), packet) : diff(own.inside_in(), packet)) == "");
    passed(own, 1);
  }
  CHECK(rig.count(DropReason::kHandoffFull) == kMany - kRing);
  // It goes on: what the ring holds passes, in order and whole, and there is room at once.
  const auto sent = outwards ? rig.to_internet() : rig.to_inside();
  CHECK(sent.size() == kRing);
  for (const auto& packet : sent) {
    const auto wrong =
        outwards ? diff4(others.outside_out(), packet) : diff(others.inside_in(), packet);
    REQUIRE(wrong == "");
  }
  passed(others, kRing);
  rig.expect(DropReason::kHandoffFull, kMany - kRing);
  rig.lives({own, others});
  rig.lives(rig.open(flow_of(rig.host_of(1), 5001)));
  rig.check_counters();
  CHECK(rig.events().empty());
}
