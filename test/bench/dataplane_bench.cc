// SPDX-License-Identifier: BSD-3-Clause
// Cycles a packet of the production worker loop, rx to tx, on one pinned core. Figures, never a
// gate; scripts/bench builds it, runs it and says on what machine.
//
//   dataplane_bench [--cpu N] [--sessions N]... [--packets N] [--runs N] [--only SCENARIO]...
//                   [--frame small|1500|imix] [--payload BYTES] [--ports N] [--remotes N]
//                   [--burst N] [--blocks] [--pauses] [--no-huge] [--json FILE] [--fact
//                   NAME=VALUE]...
//
// Theory of operation. A run is cut into windows of a few hundred microseconds, and its figure is
// the median of windows, so that those in which the machine did something else do not count. Runs
// of all scenarios alternate, so that slow spells meet all alike; a scenario's figure is the median
// of its runs. Absolute figures are the machine's; the ratio to `floor` = io + (bare - io) is ours.
#include <fmt/format.h>
#include <rte_cycles.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "bench/gateway.h"
#include "bench/options.h"
#include "bench/pauses.h"
#include "bench/report.h"
#include "bench/talks.h"

using namespace isthmus::bench;

namespace {

constexpr uint64_t kWindow = 2048;   // packets
constexpr uint32_t kWave = 4096;     // TCP connections that are under way at one time
constexpr uint32_t kSmallWave = 64;  // a burst
constexpr uint32_t kFewest = 1000;   // sessions that come and go

struct Scenario {
  const char* name;
  const char* direction;
  void (Gateway::*generate)();
  void (Gateway::*turn)();
};

constexpr Scenario kScenarios[] = {
    {"io", "6to4", &Gateway::generate_6to4, &Gateway::io},
    {"bare", "6to4", &Gateway::generate_6to4, &Gateway::bare},
    {"siit_6to4", "6to4", &Gateway::generate_siit_6to4, &Gateway::turn},
    {"siit_4to6", "4to6", &Gateway::generate_siit_4to6, &Gateway::turn},
    {"nat64_6to4", "6to4", &Gateway::generate_6to4, &Gateway::turn},
    {"nat64_4to6", "4to6", &Gateway::generate_4to6, &Gateway::turn},
    {"nat64_mixed", "both", &Gateway::generate_mixed, &Gateway::turn},
    {"nat64_fragments", "both", &Gateway::generate_fragments, &Gateway::turn},
    {"nat64_icmp_errors", "both", &Gateway::generate_errors, &Gateway::turn},
};

GatewayOptions gateway_options(const Options& options, uint32_t sessions) {
  return {options.cpu,   sessions,       options.shape,     options.payloads,
          options.burst, options.blocks, options.huge_pages};
}

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// The median window's cycles a packet; `turn` makes the gateway go on.
template <class Turn>
double run(Gateway& gateway, uint64_t packets, Turn&& turn) {
  std::vector<double> windows;
  for (uint64_t done = 0; done < packets;) {
    const uint64_t received = gateway.received(), own = gateway.own_cycles();
    const uint64_t start = rte_rdtsc();
    while (gateway.received() - received < std::min(kWindow, packets - done)) turn();
    const uint64_t cycles = rte_rdtsc() - start - (gateway.own_cycles() - own);
    const uint64_t count = gateway.received() - received;
    windows.push_back(static_cast<double>(cycles) / static_cast<double>(count));
    done += count;
  }
  return median(windows);
}

/// One rung of the ladder.
class Rung {
 public:
  Rung(const Options& options, uint32_t sessions)
      : options_(options), gateway_(gateway_options(options, sessions)) {}

  std::vector<Row> measure();
  std::string drops_text() const { return gateway_.drops_text(); }

 private:
  Row row(const char* name, const char* direction, double frame, std::vector<double>& runs);
  double set_up();
  Row measure_setup();
  std::vector<Row> measure_established();
  Row measure_expiry();
  Row measure_tcp();

  const Options& options_;
  Gateway gateway_;
  double setup_ = 0;
};

Row Rung::row(const char* name, const char* direction, double frame, std::vector<double>& runs) {
  return {name,
          direction,
          gateway_.sessions(),
          frame,
          options_.packets,
          median(runs),
          gateway_.bytes_per_session(),
          setup_,
          gateway_.drops()};
}

double Rung::set_up() {
  gateway_.generate_new(0, true);
  return run(gateway_, gateway_.sessions(), [this] { gateway_.turn(); });
}

// Every packet a new flow. A table that is large enough shows in one filling what it costs.
Row Rung::measure_setup() {
  std::vector<double> runs;
  const unsigned count = gateway_.sessions() > 2'000'000 ? 1 : options_.runs;
  for (unsigned i = 0; i < count; ++i) {
    if (i != 0) gateway_.forget_all();
    runs.push_back(set_up());
  }
  setup_ = median(runs);
  if (gateway_.live_sessions() < gateway_.sessions()) {
    fmt::print(stderr, "only {} of {} flows were set up:{}\n", gateway_.live_sessions(),
               gateway_.sessions(), gateway_.drops_text());
    std::exit(1);
  }
  Row out = row("nat64_setup", "6to4", gateway_.frame6(), runs);
  out.packets = gateway_.sessions();
  return out;
}

std::vector<Row> Rung::measure_established() {
  std::vector<std::vector<double>> runs(std::size(kScenarios));
  for (unsigned i = 0; i < options_.runs; ++i) {
    for (std::size_t s = 0; s < std::size(kScenarios); ++s) {
      const Scenario& scenario = kScenarios[s];
      if (!options_.wants(scenario.name)) continue;
      (gateway_.*scenario.generate)();
      const uint64_t packets = options_.packets;
      runs[s].push_back(run(gateway_, packets, [&] { (gateway_.*scenario.turn)(); }));
    }
  }
  std::vector<Row> rows;
  for (std::size_t s = 0; s < std::size(kScenarios); ++s) {
    if (runs[s].empty()) continue;
    const bool six = std::string_view(kScenarios[s].direction) != "4to6";
    rows.push_back(row(kScenarios[s].name, kScenarios[s].direction,
                       six ? gateway_.frame6() : gateway_.frame4(), runs[s]));
  }
  return rows;
}

// New flows all the time, and time passing so that as many end: what is live stays as it is.
Row Rung::measure_expiry() {
  constexpr double kLifetime = 300'000;  // UDP, ms
  gateway_.forget_all();
  gateway_.generate_new(gateway_.sessions(), false);
  const double step = kLifetime / gateway_.sessions();
  double due = 0;
  uint64_t seen = gateway_.received();
  const auto turn = [&] {
    gateway_.turn();
    due += step * static_cast<double>(gateway_.received() - seen);
    seen = gateway_.received();
    gateway_.advance(static_cast<uint32_t>(due));
    due -= static_cast<uint32_t>(due);
  };
  std::vector<double> runs;
  run(gateway_, gateway_.sessions(), turn);
  for (unsigned i = 0; i < options_.runs; ++i) {
    runs.push_back(run(gateway_, options_.packets, turn));
  }
  return row("nat64_expiry", "6to4", gateway_.frame6(), runs);
}

// Connections from SYN to FIN, and time passing so that as many end as begin. Sessions that are
// left over from before are forgotten first.
Row Rung::measure_tcp() {
  constexpr uint64_t kLifetime = 240'000;  // of what is closed, ms
  gateway_.forget_all();
  const uint32_t sessions = gateway_.sessions();
  Talks talks(gateway_, std::clamp(sessions / 4, kSmallWave, kWave));
  const uint32_t step =
      static_cast<uint32_t>(kLifetime * talks.size() / std::max(sessions, talks.size()));
  const auto waves = [&](uint64_t connections) {
    for (uint64_t done = 0; done < connections; done += talks.size()) {
      talks.wave();
      gateway_.advance(step);
    }
    return talks.cycles() / Talks::kPackets;
  };
  waves(sessions);
  const uint64_t connections = std::max<uint64_t>(options_.packets / Talks::kPackets, talks.size());
  std::vector<double> runs;
  for (unsigned i = 0; i < options_.runs; ++i) runs.push_back(waves(connections));
  Row out = row("nat64_tcp_cps", "both", gateway_.frame6(), runs);
  out.sessions = gateway_.live_sessions();
  out.packets = connections * Talks::kPackets;
  out.packets_per_connection = Talks::kPackets;
  return out;
}

std::vector<Row> Rung::measure() {
  std::vector<Row> rows{measure_setup()};
  const auto established = measure_established();
  rows.insert(rows.end(), established.begin(), established.end());
  // Of fewer, time would have to run faster than the clock can count.
  if (gateway_.sessions() < kFewest) return rows;
  if (options_.wants("nat64_expiry")) rows.push_back(measure_expiry());
  if (options_.wants("nat64_tcp_cps")) rows.push_back(measure_tcp());
  return rows;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse_options(argc, argv);
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(options.cpu, &cpus);
  sched_setaffinity(0, sizeof cpus, &cpus);
  fmt::print("{}\n", options.configuration());
  if (options.pauses) {
    for (const uint32_t sessions : options.ladder) {
      Gateway gateway(gateway_options(options, sessions));
      print(measure_pauses(gateway, options.runs), sessions);
    }
    return 0;
  }
  print_heading();
  std::vector<Row> all;
  for (const uint32_t sessions : options.ladder) {
    Rung rung(options, sessions);
    const auto rows = rung.measure();
    if (rows.back().drops != 0) fmt::print("drops:{}\n", rung.drops_text());
    print(rows);
    all.insert(all.end(), rows.begin(), rows.end());
  }
  if (!options.json.empty()) write_json(options, all);
}
