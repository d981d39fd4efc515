// SPDX-License-Identifier: BSD-3-Clause
// The parts of a worker that are not on the packets' way: making it, and its thread.
#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_pause.h>

#include <chrono>
#include <thread>

#include "dataplane/worker.h"

namespace isthmus::dataplane {
namespace {

constexpr unsigned kPuntRing = 1024;
constexpr unsigned kInjectRing = 1024;

// An idle worker first only gives its CPU away, then sleeps for less than a client would notice.
constexpr unsigned kPollsBeforeYield = 64;
constexpr unsigned kPollsBeforeSleep = 1024;
constexpr std::chrono::microseconds kNap{50};

void rest(unsigned empty_polls, conf::Idle idle) {
  if (idle == conf::Idle::kSpin || empty_polls < kPollsBeforeYield) {
    rte_pause();
  } else if (empty_polls < kPollsBeforeSleep) {
    std::this_thread::yield();
  } else {
    std::this_thread::sleep_for(kNap);
  }
}

}  // namespace

Result<std::unique_ptr<Worker>> Worker::make(WorkerParts parts) {
  Resources resources;
  resources.counters = std::make_unique<telemetry::Counters>();
  auto punt = SpscRing::make(kPuntRing);
  if (!punt) return punt.error();
  resources.punt_ring = std::move(*punt);
  auto inject = SpscRing::make(kInjectRing);
  if (!inject) return inject.error();
  resources.inject_ring = std::move(*inject);
  for (unsigned core = 0; core < parts.dns_cores; ++core) {
    auto queries = SpscRing::make(kPuntRing), answers = SpscRing::make(kInjectRing);
    if (!queries) return queries.error();
    if (!answers) return answers.error();
    resources.dns_lanes.push_back({std::move(*queries), std::move(*answers)});
  }
  auto translator =
      nat::Translator::make(parts.nat, parts.fabric->ownership, parts.id, *resources.counters);
  if (!translator) return translator.error();
  resources.translator = std::move(*translator);
  parts.nat = {};  // or it would keep tables that a reload replaces
  return std::unique_ptr<Worker>(new Worker(std::move(parts), std::move(resources)));
}

Worker::Worker(WorkerParts parts, Resources resources)
    : parts_(std::move(parts)),
      counters_(std::move(resources.counters)),
      punt_ring_(std::move(resources.punt_ring)),
      inject_ring_(std::move(resources.inject_ring)),
      dns_lanes_(std::move(resources.dns_lanes)),
      translator_(std::move(resources.translator)),
      core_{parts_.id, *parts_.fabric, parts_.pool, *counters_},
      handoff_(core_),
      tx_(core_, handoff_, parts_.tx),
      punter_(core_, *punt_ring_, dns_lanes_),
      route_(core_, tx_, punter_),
      nat_(core_, *translator_, route_),
      forward_(core_, *translator_, route_),
      classifier_(core_, *translator_),
      plain_bursts_(core_, *translator_, classifier_),
      steering_(parts_.fabric->ports.size()),
      last_tsc_(rte_rdtsc()) {}

void Worker::run(const std::atomic<bool>& stop, conf::Idle idle) {
  parts_.forwarding->online(core_.id);
  last_tsc_ = rte_rdtsc();
  unsigned empty_polls = 0;
  while (!stop.load(std::memory_order_relaxed)) {
    if (poll_once() != 0) {
      empty_polls = 0;
    } else {
      rest(++empty_polls, idle);
    }
  }
  parts_.forwarding->offline(core_.id);
}

}  // namespace isthmus::dataplane
