// SPDX-License-Identifier: BSD-3-Clause
// What must hold whatever comes in: each packet is counted once (in = out + dropped + punted +
// held), no two workers hold one pool address, port and protocol, and when all has expired no table
// holds anything and every port is free. Random traffic; ISTHMUS_SEED replays it.
#include <array>
#include <random>
#include <set>
#include <tuple>

#include "catch.h"
#include "dataplane/flows.h"
#include "net/headers.h"
#include "property/seed.h"

using namespace isthmus;
using namespace isthmus::test;
using telemetry::Counter;
using telemetry::DropReason;

namespace {

class Traffic {
 public:
  Traffic(Pipeline& rig, uint64_t seed) : rig_(rig), random_(seed) {}

  uint32_t below(uint32_t limit) { return static_cast<uint32_t>(random_() % limit); }

  /// A packet of any kind at any queue.
  void packet() {
    const unsigned queue = below(rig_.queues());
    const uint32_t dice = below(100);
    if (dice < 40) {
      rig_.from_inside(damaged(transport(ip6(host(), mapped(remote())), false)), queue);
    } else if (dice < 65) {
      rig_.from_internet(damaged(inbound()), queue);
    } else if (dice < 72) {
      rig_.from_inside(transport(ip6(host(), mapped(pool())), false), queue);
    } else if (dice < 80) {
      below(2) == 0 ? rig_.from_inside(error_out(), queue) : rig_.from_internet(error_in(), queue);
    } else if (dice < 94) {
      fragments();
    } else if (dice < 96) {
      rig_.from_inside(ip6(host(), "2001:db8:1::1").icmp_echo(1, 1), queue);
    } else if (dice < 98) {
      rig_.from_inside(ip6(host(), "2001:db8:ffff::1").udp(1, 2), queue);
    } else {
      rig_.from_internet(ip4(remote(), "198.51.100.1").tcp(1, 179).flags("S"), queue);
    }
  }

  /// What inside hosts hold, as replies and errors want to know.
  void learn() {
    bindings_.clear();
    std::set<std::tuple<net::Ip4, uint16_t, uint8_t>> cells;
    for (unsigned id = 0; id < rig_.workers(); ++id) {
      std::array<nat::BindingInfo, 2048> some;
      const auto dump = rig_.engine().worker(id).translator().dump_bindings(0, 1u << 20, {}, some);
      for (std::size_t i = 0; i < dump.count; ++i) {
        const auto& b = some[i];
        // Two workers never hold one address, port and protocol.
        REQUIRE(cells.insert({b.outside, b.outside_port.host(), b.protocol}).second);
        REQUIRE(rig_.engine().ownership().owner4(b.outside, b.outside_port.host()) == id);
        REQUIRE(rig_.engine().ownership().owner6(b.inside) == id);
        bindings_.push_back(b);
      }
    }
  }

 private:
  std::string host() { return inside_host(below(12), 1 + below(2)); }
  std::string remote() { return "192.0.2." + std::to_string(1 + below(6)); }
  std::string pool() { return bindings_.empty() ? "203.0.113.0" : net::to_string(bound().outside); }
  const nat::BindingInfo& bound() {
    return bindings_[below(static_cast<uint32_t>(bindings_.size()))];
  }
  uint16_t port() { return static_cast<uint16_t>(5000 + below(6)); }

  Packet transport(Packet p, bool reply, uint16_t own = 0) {
    static constexpr const char* kFlags[] = {"S", "SA", "A", "A", "FA", "R"};
    const uint16_t at = own != 0 ? own : port();
    const auto other = static_cast<uint16_t>(7000 + below(3));
    switch (below(4)) {
      case 0: p.tcp(reply ? other : at, reply ? at : other).flags(kFlags[below(6)]); break;
      case 1: reply ? p.icmp_echo_reply(at, 1) : p.icmp_echo(at, 1); break;
      default: p.udp(reply ? other : at, reply ? at : other);
    }
    if (below(20) == 0) p.hop_limit(static_cast<uint8_t>(below(2)));
    return p.payload(static_cast<int>(below(20) == 0 ? 1300 + below(120) : below(200)));
  }
  Packet inbound() {
    if (bindings_.empty() || below(8) == 0) {
      return transport(ip4(remote(), "203.0.113." + std::to_string(below(4))), true);
    }
    const auto& b = bound();
    return transport(ip4(remote(), net::to_string(b.outside)), true, b.outside_port.host());
  }
  Bytes error_in() {
    const auto outside = bindings_.empty() ? std::string("203.0.113.0") : pool();
    const uint16_t own = bindings_.empty() ? uint16_t{9} : bound().outside_port.host();
    return ip4("192.0.2.1", outside)
        .icmp4(below(2) == 0 ? 3 : 11, static_cast<uint8_t>(below(5)), 1400)
        .quote(transport(ip4(outside, remote()), false, own), 28 + below(100));
  }
  Bytes error_out() {
    const auto inside = host();
    const auto from = mapped(remote());
    return ip6(inside, from)
        .icmp6(static_cast<uint8_t>(1 + below(4)), static_cast<uint8_t>(below(5)), 1400)
        .quote(transport(ip6(from, inside), true), 48 + below(100));
  }
  /// Some of a datagram's, in some order.
  void fragments() {
    const bool outwards = below(2) == 0;
    Packet whole = outwards ? transport(ip6(host(), mapped(remote())), false) : inbound();
    whole.payload(2000);
    for (unsigned n = 1 + below(4); n != 0; --n) {
      const Bytes piece = whole.slice(below(4) * 504, below(8) == 0 ? 512 : 504, below(6));
      const unsigned queue = below(rig_.queues());
      outwards ? rig_.from_inside(piece, queue) : rig_.from_internet(piece, queue);
    }
  }
  Bytes damaged(Bytes packet) {
    if (below(25) != 0) return packet;
    if (below(2) == 0) packet.resize(1 + below(static_cast<uint32_t>(packet.size())));
    const uint32_t at = below(static_cast<uint32_t>(packet.size()));
    // Not the sender's address: an answer that has no way back is a drop of its own.
    const bool source = packet[0] >> 4 == 6 ? at >= 8 && at < 24 : at >= 12 && at < 16;
    if (!source) packet[at] ^= static_cast<uint8_t>(1u << below(8));
    return packet;
  }

  Pipeline& rig_;
  std::mt19937_64 random_;
  std::vector<nat::BindingInfo> bindings_;
};

uint64_t dropped(const Pipeline& rig) {
  uint64_t sum = 0;
  for (std::size_t i = 1; i < telemetry::kDropReasonCount; ++i) {
    sum += rig.count(static_cast<DropReason>(i));
  }
  return sum;
}

uint64_t translated(const Pipeline& rig) {
  return rig.count(Counter::kNat64Out) + rig.count(Counter::kNat64In) -
         rig.count(Counter::kHairpin);
}

std::string describe(const Pipeline& rig) {
  std::string text;
  for (const auto& [name, n] : rig.counters(false)) text += name + ' ' + std::to_string(n) + '\n';
  return text;
}

// Received, less what has become of it: what is still held.
uint64_t held(const Pipeline& rig) {
  return rig.count(Counter::kRxPackets) - translated(rig) - dropped(rig) -
         rig.count(Counter::kPunted);
}

// What left: what was translated, and what the gateway sent of its own. A packet that was split
// left as its fragments.
void check_sent(const Pipeline& rig) {
  INFO(describe(rig));
  CHECK(rig.count(Counter::kTxPackets) ==
        translated(rig) + rig.count(Counter::kIcmpErrorsSent) + rig.count(Counter::kTcpProbes) +
            rig.count(Counter::kFragmentsOut) - rig.count(Counter::kPacketsSplit) -
            rig.count(Counter::kUnresolved));
  CHECK(rig.count(Counter::kHandoffOut) == rig.count(Counter::kHandoffIn));
}

}  // namespace

// Counters against what came and went, owners against owners, and in the end nothing is left.
TEST_CASE("laws: every packet is counted once, no port is held twice, and all ends") {
  const unsigned workers = GENERATE(1u, 2u, 4u);
  const bool one_address = GENERATE(false, true);
  const unsigned kind = GENERATE(0u, 1u, 2u);  // as it is, small tables and limits, port blocks
  const Seed seed;
  INFO("ISTHMUS_SEED=" << seed.value << ", " << workers << " workers, "
                       << (one_address ? "one address" : "four") << ", kind " << kind);
  PipelineOptions options{.workers = workers, .pool_addresses = one_address ? 1u : 4u};
  options.configure = [=](conf::Config& config) {
    auto& pool = config.nat64[0].pools[0];
    if (kind == 1) {
      config.limits.sessions = 32 * workers;
      config.limits.bindings = 24 * workers;
      config.limits.subscribers = 4 * workers;
      config.limits.subscriber_sessions = 20;
      config.limits.fragments = 16 * workers;
      config.limits.icmp_errors_per_second = 20 * workers;
      pool.hold_down = 5;
    } else if (kind == 2) {
      pool.allocation = conf::Allocation::kBlocks;
      pool.block_size = 64;
      pool.blocks_per_subscriber = 1;
    }
  };
  FlowRig rig(options);
  Traffic traffic(rig, seed.value);
  uint64_t most_held = 0;
  for (unsigned burst = 0; burst < 150; ++burst) {
    for (unsigned i = 0; i < 20; ++i) traffic.packet();
    rig.to_inside();
    rig.to_internet();
    rig.punts();
    if (burst % 8 == 7) rig.advance(traffic.below(4) == 0 ? 70'000 : traffic.below(3000));
    if (burst % 40 == 39) {
      nat::Filter udp;
      udp.protocol = net::kProtoUdp;
      rig.clear(udp);
    }
    rig.run();
    traffic.learn();
    most_held = std::max(most_held, held(rig));
    REQUIRE(held(rig) <= rig.count(Counter::kFragmentsHeld));
  }
  rig.to_inside();
  rig.to_internet();
  check_sent(rig);
  CHECK(rig.count(DropReason::kTxFull) == 0);
  CHECK(most_held > 0);
  CHECK(translated(rig) > 100);
  CHECK(rig.count(Counter::kHairpin) > 0);
  CHECK(rig.count(Counter::kFragmentsHeld) > 0);

  // Everything ends: first what is short-lived, then TCP and its probes, blocks and resting ports.
  for (const uint32_t minutes : {1u, 6u, 121u, 5u, 121u, 5u, 3u}) {
    rig.let_pass(minutes * 60'000);
    rig.let_pass(3'000);
  }
  INFO(describe(rig));
  CHECK(held(rig) == 0);
  check_sent(rig);
  const auto tables = rig.tables();
  CHECK(tables.sessions == 0);
  CHECK(tables.bindings == 0);
  CHECK(tables.subscribers == 0);
  CHECK(rig.ports_in_use() == 0);
  for (unsigned id = 0; id < workers; ++id) {
    std::array<nat::PoolInfo, 4> pools;
    const std::size_t count = rig.engine().worker(id).translator().pool_info(pools);
    for (std::size_t i = 0; i < count; ++i) {
      CHECK(pools[i].held == 0);
      CHECK(pools[i].blocks_granted == 0);
    }
  }
  CHECK(rig.count(Counter::kSessionsCreated) == rig.count(Counter::kSessionsDeleted));
  CHECK(rig.count(Counter::kBindingsCreated) == rig.count(Counter::kBindingsDeleted));
  CHECK(rig.count(Counter::kBlocksGranted) == rig.count(Counter::kBlocksReturned));
  // And all of it can be had again.
  rig.lives(rig.open({Flow::kUdp, inside_host(1), 5000}));
}
