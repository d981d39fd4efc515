// SPDX-License-Identifier: BSD-3-Clause
// What waits for something, and finds no place to wait: see exhaustion.h.
#include "dataplane/exhaustion.h"
#include "packets/diff.h"

using namespace isthmus;
using namespace isthmus::test;
using namespace isthmus::test::exhaustion;
using telemetry::Counter;

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
