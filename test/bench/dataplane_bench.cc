// SPDX-License-Identifier: BSD-3-Clause
// Cycles a packet of the production worker loop, rx to tx, on one pinned core. Figures, never a
// gate; scripts/bench builds it, runs it and says on what machine.
//
//   dataplane_bench [--cpu N] [--sessions N]... [--packets N] [--runs N] [--only SCENARIO]...
//                   [--payload BYTES] [--no-huge] [--json FILE]
//
// Theory of operation. A run is cut into windows of a few hundred microseconds, and its figure is
// the median of windows, so that those in which the machine did something else do not count. Runs
// of all scenarios alternate, so that slow spells meet all alike; a scenario's figure is the median
// of its runs. Absolute figures are the machine's; the ratio to `floor` = io + (bare - io) is ours.
#include <fmt/format.h>
#include <rte_cycles.h>
#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "bench/gateway.h"

using namespace isthmus::bench;

namespace {

constexpr uint64_t kWindow = 2048;  // packets

struct Options {
  unsigned cpu = 0;
  std::vector<uint32_t> ladder;
  uint64_t packets = 400'000;  ///< a run
  unsigned runs = 5;
  std::vector<std::string> only;
  unsigned payload = 18;
  bool huge_pages = true;
  std::string json;
};

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
};

struct Row {
  std::string scenario, direction;
  uint32_t sessions;
  unsigned frame;
  uint64_t packets;
  double cycles, bytes_per_session, setup;
  uint64_t drops;
};

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
      : options_(options), gateway_({options.cpu, sessions, options.payload, options.huge_pages}) {}

  std::vector<Row> measure();

 private:
  bool wanted(std::string_view name) const {
    return options_.only.empty() ||
           std::find(options_.only.begin(), options_.only.end(), name) != options_.only.end();
  }
  Row row(const char* name, const char* direction, unsigned frame, std::vector<double>& runs);
  double set_up();
  Row measure_setup();
  std::vector<Row> measure_established();
  Row measure_expiry();

  const Options& options_;
  Gateway gateway_;
  double setup_ = 0;
};

Row Rung::row(const char* name, const char* direction, unsigned frame, std::vector<double>& runs) {
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
      if (!wanted(scenario.name)) continue;
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

std::vector<Row> Rung::measure() {
  std::vector<Row> rows{measure_setup()};
  const auto established = measure_established();
  rows.insert(rows.end(), established.begin(), established.end());
  if (wanted("nat64_expiry")) rows.push_back(measure_expiry());
  return rows;
}

// --- what is printed ----------------------------------------------------------------------------

double cycles_of(const std::vector<Row>& rows, std::string_view name) {
  for (const auto& row : rows) {
    if (row.scenario == name) return row.cycles;
  }
  return 0;
}

void print(const std::vector<Row>& rows) {
  // bare is rx to tx too: floor = io + what bare adds to it.
  const double floor = cycles_of(rows, "bare");
  for (const auto& row : rows) {
    fmt::print(
        "{:>10} {:<14} {:>5} {:>9.1f} {:>8} {:>7.2f} {:>7.0f} {:>6}\n", row.sessions, row.scenario,
        row.frame, row.cycles, floor > 0 ? fmt::format("{:.2f}", row.cycles / floor) : "-",
        static_cast<double>(rte_get_tsc_hz()) / row.cycles / 1e6, row.bytes_per_session, row.drops);
  }
  std::fflush(stdout);
}

void write_json(const std::string& file, const std::vector<Row>& rows) {
  std::FILE* out = std::fopen(file.c_str(), "w");
  if (out == nullptr) {
    fmt::print(stderr, "{}: cannot be written\n", file);
    std::exit(1);
  }
  const char* separator = "[";
  for (const auto& row : rows) {
    fmt::print(out,
               "{}{{\"scenario\": \"{}\", \"direction\": \"{}\", \"sessions\": {}, \"frame\": {}, "
               "\"packets\": {}, \"cycles_per_packet\": {:.1f}, \"mpps\": {:.3f}, "
               "\"bytes_per_session\": {:.1f}, \"setup_cycles_per_session\": {:.1f}, "
               "\"drops\": {}}}",
               separator, row.scenario, row.direction, row.sessions, row.frame, row.packets,
               row.cycles, static_cast<double>(rte_get_tsc_hz()) / row.cycles / 1e6,
               row.bytes_per_session, row.setup, row.drops);
    separator = ",\n ";
  }
  fmt::print(out, "]\n");
  std::fclose(out);
}

[[noreturn]] void usage() {
  fmt::print(stderr,
             "usage: dataplane_bench [--cpu N] [--sessions N]... [--packets N] [--runs N] "
             "[--only SCENARIO]... [--payload BYTES] [--no-huge] [--json FILE]\n");
  std::exit(2);
}

void set(Options& options, std::string_view name, const std::string& value) {
  const auto number = std::strtoul(value.c_str(), nullptr, 10);
  if (name == "--cpu") {
    options.cpu = static_cast<unsigned>(number);
  } else if (name == "--sessions") {
    options.ladder.push_back(static_cast<uint32_t>(number));
  } else if (name == "--packets") {
    options.packets = number;
  } else if (name == "--runs") {
    options.runs = static_cast<unsigned>(number);
  } else if (name == "--only") {
    options.only.push_back(value);
  } else if (name == "--payload") {
    options.payload = static_cast<unsigned>(number);
  } else if (name == "--json") {
    options.json = value;
  } else {
    usage();
  }
}

// "--name value" or "--name=value".
Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const auto equals = argument.find('=');
    if (argument == "--no-huge") {
      options.huge_pages = false;
    } else if (equals != std::string_view::npos) {
      set(options, argument.substr(0, equals), std::string(argument.substr(equals + 1)));
    } else if (++i < argc) {
      set(options, argument, argv[i]);
    } else {
      usage();
    }
  }
  if (options.ladder.empty()) options.ladder = {1000, 1'032'192};
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(options.cpu, &cpus);
  sched_setaffinity(0, sizeof cpus, &cpus);
  fmt::print("{:>10} {:<14} {:>5} {:>9} {:>8} {:>7} {:>7} {:>6}\n", "sessions", "scenario", "frame",
             "cycles", "x floor", "Mpps", "B/sess", "drops");
  std::vector<Row> all;
  for (const uint32_t sessions : options.ladder) {
    Rung rung(options, sessions);
    const auto rows = rung.measure();
    print(rows);
    all.insert(all.end(), rows.begin(), rows.end());
  }
  if (!options.json.empty()) write_json(options.json, all);
}
