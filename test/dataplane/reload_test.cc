// SPDX-License-Identifier: BSD-3-Clause
// A reload while packets flow: each that goes in comes out, once, as it should.
#include <array>
#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include "catch.h"
#include "dataplane/flows.h"
#include "net/headers.h"

using namespace isthmus;
using namespace isthmus::test;
using telemetry::Counter;

namespace reload_test {
namespace {

constexpr unsigned kWorkers = 2;
constexpr unsigned kInFlight = 128;

Bytes mark(uint64_t number) {
  Bytes out;
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(number >> shift));
  return out;
}

uint64_t mark_of(const Bytes& packet, std::size_t at) {
  uint64_t number = 0;
  for (std::size_t i = 0; i < 8; ++i) number = number << 8 | packet.at(at + i);
  return number;
}

// Sends from its own thread, as the wire does: packets both ways of flows that are there, and new
// flows; each has a number, and each number has to come out.
class Traffic {
 public:
  Traffic(FlowRig& rig, std::vector<Flow> flows) : rig_(rig), flows_(std::move(flows)) {}
  ~Traffic() { finish(); }

  void start() {
    thread_ = std::thread([this] {
      while (!stop_) turn();
      const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      while (!waiting_.empty() && std::chrono::steady_clock::now() < limit) take();
    });
  }
  void finish() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  uint64_t sent() const { return sent_; }
  std::size_t lost() const { return waiting_.size(); }
  unsigned strange() const { return strange_; }

 private:
  void turn() {
    if (waiting_.size() < kInFlight) {
      const Flow& flow = flows_[sent_ % flows_.size()];
      const auto queue = static_cast<unsigned>(sent_ % kWorkers);
      const uint64_t number = ++sent_;
      waiting_.insert(number);
      if (number % 8 == 0) {
        Flow fresh;
        fresh.host = inside_host(static_cast<unsigned>(number / 8 % 64));
        fresh.port = static_cast<uint16_t>(20000 + number / 512 % 40000);
        rig_.from_inside(fresh.inside_out().payload(mark(number)), queue);
      } else if (number % 2 == 0) {
        rig_.from_inside(flow.inside_out().payload(mark(number)), queue);
      } else {
        rig_.from_internet(flow.outside_in().payload(mark(number)), queue);
      }
    }
    take();
  }

  void take() {
    constexpr std::size_t kLink = 14, kIp6 = 40, kIp4 = 20, kUdp = 8;
    for (const auto& frame : rig_.in_port().sent()) arrived(frame, kLink + kIp6 + kUdp);
    for (const auto& frame : rig_.out_port().sent()) arrived(frame, kLink + kIp4 + kUdp);
  }
  void arrived(const Bytes& frame, std::size_t at) {
    if (frame.size() < at + 8 || waiting_.erase(mark_of(frame, at)) != 1) ++strange_;
  }

  FlowRig& rig_;
  std::vector<Flow> flows_;
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> sent_{0};
  std::set<uint64_t> waiting_;
  unsigned strange_ = 0;  ///< that came out and had not gone in, or came twice
  std::thread thread_;
};

void add_pool(conf::Config& config, const char* first, const char* last) {
  conf::Pool pool;
  pool.name = first;
  pool.ranges.push_back({*net::parse_ip4(first), *net::parse_ip4(last)});
  config.nat64[0].pools.push_back(pool);
}

// What a reload may find changed; the flows that are there keep their addresses in all of them.
std::vector<conf::Config> versions(const conf::Config& original) {
  std::vector<conf::Config> out(6, original);
  add_pool(out[1], "198.18.0.0", "198.18.0.7");
  out[1].nat64[0].timers.udp = 600;
  add_pool(out[2], "198.18.1.0", "198.18.1.3");
  out[3].nat64[0].filtering = conf::Filtering::kAddressDependent;
  out[3].limits.subscriber_sessions = 100000;
  out[3].limits.subscriber_bindings = 100000;
  out[4].nat64[0].policy.lowest_ipv6_mtu = 1400;
  out[4].events.sessions = true;
  add_pool(out[4], "198.18.0.0", "198.18.0.7");
  add_pool(out[4], "198.18.2.0", "198.18.2.7");
  out[5].dns64.listen = {*net::parse_ip6("2001:db8:1::54")};
  out[5].nat64[0].pools[0].hold_down = 0;
  return out;
}

}  // namespace

TEST_CASE("reload under traffic loses no packet") {
  FlowRig rig({.workers = kWorkers, .configure = [](conf::Config& config) {
                 config.limits.sessions = config.limits.bindings = 1 << 18;
                 config.limits.subscriber_sessions = config.limits.subscriber_bindings = 0;
               }});
  std::vector<Flow> flows;
  for (unsigned i = 0; i < 16; ++i) {
    Flow flow;
    flow.host = inside_host(100 + i);
    flow.port = static_cast<uint16_t>(5000 + i);
    flows.push_back(rig.open(flow));
    rig.lives(flows.back());
  }
  const uint64_t before = rig.count(Counter::kRxPackets);
  const auto configs = versions(rig.make_config());
  REQUIRE(rig.engine().start());
  Traffic traffic(rig, flows);
  traffic.start();
  for (unsigned round = 0; round < 120; ++round) {
    // Packets before, during and after each.
    const uint64_t mark = traffic.sent() + 64;
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (traffic.sent() < mark && std::chrono::steady_clock::now() < limit) {
      std::this_thread::yield();
    }
    const auto done = rig.engine().update(configs[(round * 5 + round / 6) % configs.size()]);
    INFO((done ? "" : done.error().text));
    REQUIRE(done);
    const auto prefix = *net::parse_ip4_prefix(round % 2 == 0 ? "198.18.64.0/24" : "192.0.0.0/16");
    const auto routed = rig.engine().set_route(
        prefix, dataplane::NextHop{Pipeline::kOut, *net::parse_ip4("198.51.100.254")});
    INFO((routed ? "" : routed.error().text));
    REQUIRE(routed);
    rig.engine().publish();
    REQUIRE(rig.engine().set_route(prefix, std::nullopt));
    rig.engine().publish();
    rig.engine().take_events(100000, [](const dataplane::TimedEvent&) {});
  }
  traffic.finish();
  CHECK(traffic.sent() >= 120 * 64);
  CHECK(traffic.lost() == 0);
  CHECK(traffic.strange() == 0);
  const uint64_t sent = traffic.sent();
  CHECK(rig.count(Counter::kRxPackets) == before + sent);
  CHECK(rig.count(Counter::kTxPackets) == before + sent);
  for (const auto& [name, value] : rig.counters()) {
    if (name.starts_with("drop ")) INFO(name << " " << value);
    if (name.starts_with("drop ")) CHECK(value == 0);
  }
}

}  // namespace reload_test
