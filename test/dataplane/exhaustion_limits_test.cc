// SPDX-License-Identifier: BSD-3-Clause
// Subscribers that have all that they may have: see exhaustion.h.
#include "dataplane/exhaustion.h"
#include "packets/diff.h"

using namespace isthmus;
using namespace isthmus::test;
using namespace isthmus::test::exhaustion;
using telemetry::Counter;

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
