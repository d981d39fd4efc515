// SPDX-License-Identifier: BSD-3-Clause
// CPU time of a DNS64 answer. Figures, never a gate.
//
//   dns64_bench [--cpu N] [--names N] [--runs N] [--only engine|path]... [--no-huge] [--json FILE]
//               [--fact NAME=VALUE]...
//
// Theory of operation. "engine" is bytes in to bytes out, without sockets; upstream's answers are
// made between two readings of the clock. "path" is the production path from a port through worker
// and rings to the control core and back (dns64_path.h). Times are CPU times of the thread, so who
// else uses the machine costs caches only; a figure is the median of the runs, which alternate.
// What is timed is not inlined, so that callgrind can be told by name to count it.
#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <barrier>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bench/dns64_load.h"
#include "bench/dns64_path.h"
#include "dns64/engine.h"

namespace isthmus::bench {
namespace {

using dns64::Engine;
using dns64::FigureId;

struct Options {
  unsigned cpu = 0;
  unsigned names = 20'000;
  unsigned runs = 5;
  bool huge_pages = true;
  std::vector<std::string> only;
  std::string json;
  std::vector<std::pair<std::string, std::string>> facts;

  bool wants(std::string_view name) const {
    return only.empty() || std::find(only.begin(), only.end(), name) != only.end();
  }
};

struct Row {
  std::string scenario;
  uint64_t answers = 0;  ///< a run
  std::vector<double> us;
  double median() const {
    std::vector<double> sorted = us;
    std::sort(sorted.begin(), sorted.end());
    return sorted[sorted.size() / 2];
  }
};

double cpu_us() {
  timespec ts;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
  return static_cast<double>(ts.tv_sec) * 1e6 + static_cast<double>(ts.tv_nsec) * 1e-3;
}

/// Upstream in memory. The time that it takes is kept apart.
class Upstream final : public dns64::Actions {
 public:
  void reply(uint64_t, dns64::Bytes message) override {
    octets += message.size();
    ++answers;
  }
  void drop(uint64_t) override { std::abort(); }
  void send(dns64::SendId id, unsigned, bool, dns64::Bytes message) override {
    pending.push_back({id, Wire(message.begin(), message.end())});
  }
  void cancel(dns64::SendId) override {}

  struct Sent {
    dns64::SendId id;
    Wire message;
  };
  std::vector<Sent> pending;
  uint64_t answers = 0;
  uint64_t octets = 0;
};

class EngineLoad {
 public:
  EngineLoad(unsigned names, bool parallel) {
    dns64::EngineSettings settings;
    settings.parallel = parallel;
    settings.cache_entries = names * 2;
    settings.random = [state = uint64_t{1}]() mutable {
      return state = state * 6364136223846793005 + 1442695040888963407;
    };
    engine_ = std::make_unique<Engine>(settings);
    for (unsigned i = 0; i < names; ++i) queries_.push_back(dns_query(i));
    std::shuffle(queries_.begin(), queries_.end(), std::mt19937(7));
  }

  /// Microseconds for an answer that has to be asked for; clients in groups, as they come.
  [[gnu::noinline]] double miss() {
    constexpr std::size_t kGroup = 256;
    engine_->flush_cache();
    double spent = 0;
    for (std::size_t first = 0; first < queries_.size(); first += kGroup) {
      const std::size_t end = std::min(queries_.size(), first + kGroup);
      double start = cpu_us();
      for (std::size_t i = first; i < end; ++i) query(queries_[i]);
      spent += cpu_us() - start;
      while (!upstream_.pending.empty()) {
        auto sent = std::exchange(upstream_.pending, {});
        for (auto& one : sent) make_dns_answer(one.message);
        start = cpu_us();
        for (const auto& one : sent) {
          engine_->on_answer(kNow, one.id, one.message, upstream_);
        }
        spent += cpu_us() - start;
      }
    }
    return spent / static_cast<double>(queries_.size());
  }
  [[gnu::noinline]] double hit() {
    const double start = cpu_us();
    for (const Wire& message : queries_) query(message);
    return (cpu_us() - start) / static_cast<double>(queries_.size());
  }
  const Engine& engine() const { return *engine_; }
  uint64_t answers() const { return upstream_.answers; }

 private:
  static constexpr dns64::TimeMs kNow = 1000;
  void query(const Wire& message) { engine_->on_query(kNow, 1, {}, message, upstream_); }

  std::unique_ptr<Engine> engine_;
  Upstream upstream_;
  std::vector<Wire> queries_;
};

/// The step from an A answer to an AAAA answer alone.
[[gnu::noinline]] double synthesis_us(unsigned count) {
  Wire wire = dns_query(1);
  dns64::Message query, answer;
  if (dns64::parse(wire, query) != dns64::ParseResult::kOk) std::abort();
  wire[wire.size() - 3] = dns64::kTypeA;
  make_dns_answer(wire);
  if (dns64::parse(wire, answer) != dns64::ParseResult::kOk) std::abort();
  dns64::Assembler assembler;
  const dns64::Policy policy;
  std::size_t octets = 0;
  const double start = cpu_us();
  for (unsigned i = 0; i < count; ++i) {
    octets += assembler.synthesise(answer, query.question, policy, 600u).answer->message.size();
  }
  const double spent = cpu_us() - start;
  if (octets == 0) std::abort();
  return spent / count;
}

void pin(unsigned cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  sched_setaffinity(0, sizeof cpus, &cpus);
}

/// As hit(), on CPU 0 and CPU 1 at the same time, as DNS cores do: the mean of both.
double hit_on_two(unsigned names) {
  std::barrier ready(2);
  double us[2] = {};
  const auto run = [&](unsigned cpu) {
    pin(cpu);
    EngineLoad load(names, false);
    load.miss();
    ready.arrive_and_wait();
    us[cpu] = load.hit();
  };
  std::thread other(run, 1);
  std::thread one(run, 0);
  other.join();
  one.join();
  return (us[0] + us[1]) / 2;
}

Row& row(std::vector<Row>& rows, std::string_view name, uint64_t answers) {
  for (Row& known : rows) {
    if (known.scenario == name) return known;
  }
  rows.push_back({std::string(name), answers, {}});
  return rows.back();
}

void run_engine(const Options& options, std::vector<Row>& rows) {
  EngineLoad one_by_one(options.names, false);
  EngineLoad parallel(options.names, true);
  for (unsigned run = 0; run < options.runs; ++run) {
    row(rows, "engine_miss", options.names).us.push_back(one_by_one.miss());
    row(rows, "engine_hit", options.names).us.push_back(one_by_one.hit());
    row(rows, "engine_hit_on_two", options.names).us.push_back(hit_on_two(options.names));
    row(rows, "engine_miss_parallel", options.names).us.push_back(parallel.miss());
    row(rows, "engine_synthesis", options.names).us.push_back(synthesis_us(options.names));
  }
  const auto& figures = one_by_one.engine().figures();
  const uint64_t wanted = uint64_t{options.names} * options.runs;
  if (figures[FigureId::kSynthesised] != wanted || figures[FigureId::kCacheHits] != wanted ||
      one_by_one.answers() != 2 * wanted) {
    fmt::print(stderr, "dns64_bench: not every answer was what it should be\n");
    std::exit(1);
  }
}

void run_path(const Options& options, std::vector<Row>& rows) {
  DnsPath path(options.cpu, options.huge_pages);
  const auto us = [](double seconds, uint64_t answers) {
    return seconds * 1e6 / static_cast<double>(answers);
  };
  unsigned first = 0;
  for (unsigned run = 0; run < options.runs; ++run, first += options.names) {
    const auto miss = path.ask(first, options.names);
    const auto hit = path.ask(first, options.names);
    if (miss.answers != options.names || hit.answers != options.names) {
      fmt::print(stderr, "dns64_bench: {} and {} answers to {} queries\n", miss.answers,
                 hit.answers, options.names);
    }
    row(rows, "path_miss", options.names).us.push_back(us(miss.control, miss.answers));
    row(rows, "path_miss_user", options.names)
        .us.push_back(us(miss.control - miss.sockets, miss.answers));
    row(rows, "path_hit", options.names).us.push_back(us(hit.control, hit.answers));
    row(rows, "path_hit_worker", options.names).us.push_back(us(hit.worker, hit.answers));
  }
}

void print(const std::vector<Row>& rows) {
  fmt::print("{:<22} {:>9} {:>10} {:>10}\n", "scenario", "us", "best us", "M/s");
  for (const Row& row : rows) {
    fmt::print("{:<22} {:>9.3f} {:>10.3f} {:>10.3f}\n", row.scenario, row.median(),
               *std::min_element(row.us.begin(), row.us.end()), 1 / row.median());
  }
}

void write_json(const Options& options, const std::vector<Row>& rows) {
  std::FILE* out = std::fopen(options.json.c_str(), "w");
  if (out == nullptr) {
    fmt::print(stderr, "dns64_bench: {} cannot be written\n", options.json);
    std::exit(1);
  }
  std::string facts;
  for (const auto& [name, value] : options.facts) {
    facts += fmt::format(", \"{}\": \"{}\"", name, value);
  }
  const char* separator = "[";
  for (const Row& row : rows) {
    fmt::print(
        out,
        "{}{{\"scenario\": \"{}\", \"answers\": {}, \"runs\": {}, \"us_per_answer\": {:.4f}, "
        "\"best_us_per_answer\": {:.4f}, \"answers_per_second\": {:.0f}{}}}",
        separator, row.scenario, row.answers, row.us.size(), row.median(),
        *std::min_element(row.us.begin(), row.us.end()), 1e6 / row.median(), facts);
    separator = ",\n ";
  }
  fmt::print(out, "]\n");
  std::fclose(out);
}

[[noreturn]] void usage() {
  fmt::print(stderr,
             "usage: dns64_bench [--cpu N] [--names N] [--runs N] [--only engine|path]... "
             "[--no-huge] [--json FILE] [--fact NAME=VALUE]...\n");
  std::exit(2);
}

Options parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--no-huge") {
      options.huge_pages = false;
      continue;
    }
    if (++i == argc) usage();
    const std::string value = argv[i];
    const auto number = static_cast<unsigned>(std::strtoul(value.c_str(), nullptr, 10));
    if (name == "--cpu") {
      options.cpu = number;
    } else if (name == "--names" && number > 0) {
      options.names = number;
    } else if (name == "--runs" && number > 0) {
      options.runs = number;
    } else if (name == "--only") {
      options.only.push_back(value);
    } else if (name == "--json") {
      options.json = value;
    } else if (name == "--fact" && value.find('=') != std::string::npos) {
      const auto equals = value.find('=');
      options.facts.emplace_back(value.substr(0, equals), value.substr(equals + 1));
    } else {
      usage();
    }
  }
  return options;
}

}  // namespace
}  // namespace isthmus::bench

int main(int argc, char** argv) {
  using namespace isthmus::bench;
  const Options options = parse_options(argc, argv);
  std::vector<Row> rows;
  // The resolver's thread is not to share the core: it starts before this one is pinned.
  if (options.wants("path")) run_path(options, rows);
  pin(options.cpu);
  if (options.wants("engine")) run_engine(options, rows);
  print(rows);
  if (!options.json.empty()) write_json(options, rows);
  return 0;
}
