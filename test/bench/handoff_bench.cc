// SPDX-License-Identifier: BSD-3-Clause
// What packets cost that come to another worker than theirs. Figures, never a gate.
//
//   handoff_bench [SESSIONS [ROUNDS]]        two workers, on CPUs 0 and 1
//
// Theory of operation. Two ports without a wire have a queue for each of two workers, which run on
// threads of their own as they always do. A queue hands out frames of established flows from
// inside, of those workers that a scenario names; what is sent is freed. Every worker says how
// many cycles its busy turns took; the time that writing frames took is measured and left out.
// A scenario's figures are medians of rounds in which all scenarios take turns.
#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "bench/frames.h"
#include "dataplane/engine.h"

using namespace isthmus;
using namespace isthmus::bench;

namespace {

constexpr unsigned kWorkers = 2;
constexpr unsigned kBurst = 64;
constexpr std::chrono::milliseconds kSpell{200};
using Flows = std::vector<net::Ip6>;  // each with one port

uint32_t no_time(void*) {
  return 1;
}

[[noreturn]] void fail(const std::string& text) {
  fmt::print(stderr, "handoff_bench: {}\n", text);
  std::exit(1);
}

// One queue of a port. What it does is set while its worker finds it closed.
struct alignas(64) Queue {
  rte_mempool* pool = nullptr;
  const Template* frame = nullptr;
  const Flows* flows[kWorkers] = {};  // of each worker; taken in turn
  uint64_t position = 0;
  std::atomic<bool> open = false;
  std::atomic<uint64_t> received = 0, own_cycles = 0;

  void write(rte_mbuf** mbufs, unsigned count);
  static uint16_t receive(void* queue, rte_mbuf** mbufs, uint16_t count);
  static uint16_t send(void*, rte_mbuf** mbufs, uint16_t count) {
    rte_pktmbuf_free_bulk(mbufs, count);
    return count;
  }
};

void Queue::write(rte_mbuf** mbufs, unsigned count) {
  const bool mixed = flows[0] != nullptr && flows[1] != nullptr;
  const Flows* const one = flows[0] != nullptr ? flows[0] : flows[1];
  uint64_t at = position;
  for (unsigned i = 0; i < count; ++i, ++at) {
    const Flows& some = mixed ? *flows[at % kWorkers] : *one;
    frame->copy_to(mbufs[i]);
    Template::ip6(mbufs[i])->source = some[(mixed ? at / kWorkers : at) % some.size()];
  }
  position = at;
}

uint16_t Queue::receive(void* context, rte_mbuf** mbufs, uint16_t count) {
  auto& queue = *static_cast<Queue*>(context);
  if (!queue.open.load(std::memory_order_acquire)) return 0;
  count = std::min<uint16_t>(count, kBurst);
  if (rte_pktmbuf_alloc_bulk(queue.pool, mbufs, count) != 0) return 0;
  const uint64_t start = rte_rdtsc();
  queue.write(mbufs, count);
  const auto add = [](std::atomic<uint64_t>& to, uint64_t n) {
    to.store(to.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  };
  add(queue.received, count);
  add(queue.own_cycles, rte_rdtsc() - start);
  return count;
}

// What one worker has done.
struct Work {
  uint64_t busy = 0, own = 0, received = 0, translated = 0, handed = 0, lost = 0;

  Work operator-(const Work& o) const {
    return {busy - o.busy,     own - o.own,  received - o.received, translated - o.translated,
            handed - o.handed, lost - o.lost};
  }
};

class Bench {
 public:
  explicit Bench(uint32_t sessions);
  ~Bench() { engine_->stop(); }

  struct Scenario {
    const char* name;
    bool takes[kWorkers][kWorkers];  // by queue: flows of which workers come to it
  };
  std::array<Work, kWorkers> run(const Scenario& scenario, std::chrono::milliseconds spell);
  bool complete();

 private:
  static conf::Config config_for(uint32_t sessions);
  void make_ports();
  void deal(uint32_t sessions);
  Work work_of(unsigned worker) const;

  std::unique_ptr<dataplane::Engine> engine_;
  std::array<Queue, kWorkers> six_, four_;
  void* six_queues_[kWorkers];
  void* four_queues_[kWorkers];
  std::unique_ptr<Template> udp_;
  std::array<Flows, kWorkers> flows_;  // by owner
};

conf::Config Bench::config_for(uint32_t sessions) {
  conf::Config config;
  config.cores.workers = {0, 1};
  config.cores.idle = conf::Idle::kYield;
  config.memory.megabytes = 384;
  config.limits.sessions = config.limits.bindings = config.limits.subscribers =
      sessions + sessions / 8 + 16384;
  config.limits.subscriber_sessions = config.limits.subscriber_bindings = 0;
  for (const char* name : {"six", "four"}) {
    conf::Port port;
    port.name = name;
    port.device = "net_null_" + port.name;
    port.interfaces.push_back({0, name, {}});
    config.ports.push_back(port);
  }
  conf::Nat64 nat64;
  nat64.prefixes = {prefix_of(kPrefix)};
  conf::Pool pool;
  const uint32_t first = net::parse_ip4("203.0.112.0")->host();
  pool.ranges = {{net::Ip4::from_host(first), net::Ip4::from_host(first + 63)}};
  nat64.pools = {pool};
  config.nat64.push_back(nat64);
  return config;
}

Bench::Bench(uint32_t sessions) {
  const auto config = config_for(sessions);
  auto engine = dataplane::Engine::make(
      config, {{no_time, nullptr}, 1, dataplane::make_settings(config, kWorkers)});
  if (!engine) fail(engine.error().text);
  engine_ = std::move(*engine);
  const auto gateway = *net::parse_ip4("198.51.100.9");
  if (!engine_->set_route(net::Ip4Prefix{}, dataplane::NextHop{1, gateway})) fail("no route");
  engine_->set_neighbor(gateway, 1, net::Mac{{2, 0, 0, 0, 0, 4}});
  engine_->publish();
  make_ports();
  deal(sessions);
  if (const auto status = engine_->start(); !status) fail(status.error().text);
}

void Bench::make_ports() {
  rte_mempool* pool = nullptr;
  const auto visit = [](rte_mempool* some, void* to) {
    if (std::strncmp(some->name, "isthmus-buffers", 15) == 0)
      *static_cast<rte_mempool**>(to) = some;
  };
  rte_mempool_walk(visit, &pool);
  udp_ = std::make_unique<Template>(6, Transport::kUdp, engine_->interfaces()[0].mac, 18);
  for (unsigned i = 0; i < kWorkers; ++i) {
    six_[i].pool = pool;
    six_[i].frame = udp_.get();
    six_queues_[i] = &six_[i];
    four_queues_[i] = &four_[i];
  }
  for (const auto& [name, queues] :
       {std::pair{"net_null_six", six_queues_}, std::pair{"net_null_four", four_queues_}}) {
    uint16_t id = 0;
    if (rte_eth_dev_get_port_by_name(name, &id) != 0) fail("no port");
    auto& ops = rte_eth_fp_ops[id];
    ops.rx_pkt_burst = Queue::receive;
    ops.tx_pkt_burst = Queue::send;
    ops.rxq.data = ops.txq.data = queues;
  }
}

// As many flows for each worker, in random order.
void Bench::deal(uint32_t sessions) {
  const auto& ownership = engine_->worker(0).translator().core().ownership();
  const Shape shape{1, 1};
  for (uint32_t flow = 0; flows_[0].size() + flows_[1].size() < sessions; ++flow) {
    const auto host = shape.inside(flow).address;
    auto& own = flows_[ownership.owner6(host) % kWorkers];
    if (own.size() < sessions / kWorkers) own.push_back(host);
  }
  std::mt19937 random(7);
  for (auto& flows : flows_) std::shuffle(flows.begin(), flows.end(), random);
}

Work Bench::work_of(unsigned worker) const {
  const auto& loop = engine_->worker(worker).loop_counters();
  const auto counters = engine_->counters(worker);
  Work out;
  out.busy = loop.busy_cycles;
  out.own = six_[worker].own_cycles;
  out.received = six_[worker].received;
  out.translated = counters.get(telemetry::Counter::kNat64Out);
  out.handed = counters.get(telemetry::Counter::kHandoffOut);
  for (const uint64_t drop : counters.drop) out.lost += drop;
  return out;
}

std::array<Work, kWorkers> Bench::run(const Scenario& scenario, std::chrono::milliseconds spell) {
  std::array<Work, kWorkers> before, after;
  for (unsigned i = 0; i < kWorkers; ++i) {
    for (unsigned of = 0; of < kWorkers; ++of) {
      six_[i].flows[of] = scenario.takes[i][of] ? &flows_[of] : nullptr;
    }
    before[i] = work_of(i);
  }
  for (unsigned i = 0; i < kWorkers; ++i) {
    const bool any = scenario.takes[i][0] || scenario.takes[i][1];
    six_[i].open.store(any, std::memory_order_release);
  }
  std::this_thread::sleep_for(spell);
  for (auto& queue : six_) queue.open.store(false, std::memory_order_release);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  for (unsigned i = 0; i < kWorkers; ++i) after[i] = work_of(i) - before[i];
  return after;
}

bool Bench::complete() {
  uint64_t sessions = 0;
  for (unsigned i = 0; i < kWorkers; ++i) {
    sessions += engine_->counters(i).get(telemetry::Counter::kSessionsCreated);
  }
  return sessions == flows_[0].size() + flows_[1].size();
}

constexpr Bench::Scenario kScenarios[] = {
    {"one worker alone", {{true, false}, {false, false}}},
    {"both, each its own", {{true, false}, {false, true}}},
    {"both, each the other's", {{false, true}, {true, false}}},
    {"one queue for both", {{true, true}, {false, false}}},
    {"too much for one", {{false, true}, {false, true}}},
};

double median(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// By scenario, round by round.
struct Figures {
  std::vector<double> cycles, rate, handed, lost, first;

  void add(const std::array<Work, kWorkers>& work) {
    const double translated = static_cast<double>(work[0].translated + work[1].translated);
    const double received = static_cast<double>(work[0].received + work[1].received);
    const double spent =
        static_cast<double>(work[0].busy + work[1].busy - work[0].own - work[1].own);
    cycles.push_back(spent / translated);
    rate.push_back(translated / std::chrono::duration<double>(kSpell).count() / 1e6);
    handed.push_back(static_cast<double>(work[0].handed + work[1].handed) / received * 100);
    lost.push_back(static_cast<double>(work[0].lost + work[1].lost) / received * 100);
    first.push_back(static_cast<double>(work[0].translated) / translated * 100);
  }
};

}  // namespace

int main(int argc, char** argv) {
  const auto sessions = static_cast<uint32_t>(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1000);
  const auto rounds = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 5;
  if (sessions < 2 || sessions > 2'000'000 || rounds == 0) {
    fail("usage: handoff_bench [SESSIONS (2 to 2000000) [ROUNDS]]");
  }
  Bench bench(sessions);
  for (unsigned tries = 0; !bench.complete(); ++tries) {
    if (tries == 100) fail("not all flows could be opened");
    bench.run(kScenarios[1], kSpell);
  }
  Figures figures[std::size(kScenarios)];
  for (unsigned round = 0; round < rounds; ++round) {
    for (std::size_t s = 0; s < std::size(kScenarios); ++s) {
      figures[s].add(bench.run(kScenarios[s], kSpell));
    }
  }
  fmt::print("{} sessions, {} rounds\n{:<24} {:>7} {:>8} {:>8} {:>6} {:>12}\n", sessions, rounds,
             "", "cycles", "M/s all", "handed %", "lost %", "by the first");
  for (std::size_t s = 0; s < std::size(kScenarios); ++s) {
    auto& f = figures[s];
    fmt::print("{:<24} {:>7.1f} {:>8.2f} {:>8.1f} {:>6.2f} {:>10.1f} %\n", kScenarios[s].name,
               median(f.cycles), median(f.rate), median(f.handed), median(f.lost), median(f.first));
  }
}
