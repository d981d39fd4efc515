// SPDX-License-Identifier: BSD-3-Clause
#include "bench/pauses.h"

#include <fmt/format.h>
#include <rte_cycles.h>
#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

#include "nat/pool_update.h"

namespace isthmus::bench {
namespace {

constexpr unsigned kScan = 256;  // as the commands "show" and "clear" go through the tables
constexpr uint64_t kTurns = 20'000;
// What the controls do, about as long as a turn.
constexpr uint64_t kSpin = 50'000;  // cycles
constexpr unsigned kLines = 1200;
constexpr unsigned kReloads = 50;

// Of this thread, in nanoseconds.
uint64_t cpu_time() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

uint64_t nanoseconds(uint64_t cycles) {
  return cycles * 1000 / (rte_get_tsc_hz() / 1'000'000);
}

double microseconds(uint64_t nanoseconds) {
  return static_cast<double>(nanoseconds) / 1000;
}

// Steps of one kind, round by round.
class Steps {
 public:
  explicit Steps(const char* name) : name_(name) {}

  /// Times `work`, less what `own()` counts in cycles.
  template <class Work, class Own>
  void time(Work&& work, Own&& own) {
    const uint64_t before = own(), start = cpu_time();
    work();
    const uint64_t all = cpu_time() - start, not_ours = nanoseconds(own() - before);
    taken_.push_back(all > not_ours ? all - not_ours : 0);
    total_ += taken_.back();
  }
  template <class Work>
  void time(Work&& work) {
    time(work, [] { return uint64_t{0}; });
  }
  /// Of all calls of the round, in nanoseconds.
  uint64_t total() const { return total_; }
  void end_round() {
    total_ = 0;
    std::sort(taken_.begin(), taken_.end());
    if (taken_.empty()) return;
    longest_.push_back(taken_.back());
    thousandth_.push_back(taken_[taken_.size() - 1 - taken_.size() / 1000]);
    calls_ = taken_.size();
    taken_.clear();
  }
  Pause result() {
    std::sort(longest_.begin(), longest_.end());
    std::sort(thousandth_.begin(), thousandth_.end());
    return {name_, calls_, microseconds(longest_.front()),
            microseconds(longest_[longest_.size() / 2]),
            microseconds(thousandth_[thousandth_.size() / 2])};
  }

 private:
  const char* name_;
  uint64_t calls_ = 0, total_ = 0;
  std::vector<uint64_t> taken_, longest_, thousandth_;
};

// As much memory as the tables take, of the same kind of pages.
class Memory {
 public:
  explicit Memory(uint32_t sessions) : bytes_(std::size_t{sessions} * 128) {
    void* at = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return;
    madvise(at, bytes_, MADV_HUGEPAGE);
    std::memset(at, 1, bytes_);
    lines_ = static_cast<std::array<uint64_t, 8>*>(at);
  }
  ~Memory() {
    if (lines_ != nullptr) munmap(lines_, bytes_);
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  /// Writes to random lines.
  void touch() {
    if (lines_ == nullptr) return;
    for (unsigned i = 0; i < kLines; ++i) {
      at_ = at_ * 6364136223846793005 + 1442695040888963407;
      ++lines_[(at_ >> 32) % (bytes_ / sizeof *lines_)][0];
    }
  }

 private:
  std::size_t bytes_;
  std::array<uint64_t, 8>* lines_ = nullptr;
  uint64_t at_ = 1;
};

class Round {
 public:
  explicit Round(Gateway& gateway)
      : gateway_(gateway), translator_(gateway.engine().worker(0).translator()) {}

  void run();
  std::vector<Pause> results();

 private:
  void turn(Steps& steps) {
    steps.time([this] { gateway_.turn(); }, [this] { return gateway_.own_cycles(); });
  }
  void look();
  void change();
  void forget();
  void do_nothing();

  Gateway& gateway_;
  nat::Translator& translator_;
  Steps nothing_{"nothing"}, memory_{"memory alone"}, fill_{"turn, new flows"},
      both_{"turn, both ways"};
  Steps dump_{"dump, 256 records"}, reload_{"reload"}, pools_{"change of pools"};
  Steps clear_{"clear, 64 records"}, expire_{"turn, sessions expiring"};
};

void Round::run() {
  gateway_.generate_new(0, true);
  while (gateway_.live_sessions() < gateway_.sessions()) turn(fill_);
  gateway_.generate_mixed();
  for (uint64_t i = 0; i < kTurns; ++i) turn(both_);
  gateway_.silence();
  look();
  change();
  forget();
  do_nothing();
  for (auto* steps :
       {&nothing_, &memory_, &fill_, &both_, &dump_, &reload_, &pools_, &clear_, &expire_}) {
    steps->end_round();
  }
}

void Round::look() {
  static std::array<nat::SessionInfo, kScan> found;
  uint64_t cursor = 0;
  do {
    dump_.time([&] {
      cursor = translator_.dump_sessions(cursor, kScan, {}, gateway_.now_ms(), found).next_cursor;
    });
  } while (cursor != 0);
}

void Round::change() {
  const auto settings = gateway_.settings();
  for (unsigned i = 0; i < kReloads; ++i) {
    reload_.time([&] { translator_.update(settings); });
    auto next = translator_.prepare_pools(settings);
    if (next) pools_.time([&] { translator_.install_pools(**next); });
  }
}

void Round::forget() {
  uint64_t cursor = 0;
  for (uint32_t done = 0; done < gateway_.sessions() / 8; done += kScan) {
    clear_.time([&] { cursor = translator_.clear_sessions(cursor, kScan, {}).next_cursor; });
    if (cursor == 0) break;
  }
  gateway_.advance(301'000);
  while (gateway_.live_sessions() != 0) turn(expire_);
  gateway_.forget_all();
}

// What the machine itself keeps from a thread, as long as the longest of the steps went on: a pause
// that comes once in ten seconds is not seen in one.
void Round::do_nothing() {
  const uint64_t longest = std::max({fill_.total(), both_.total(), dump_.total(), expire_.total()});
  while (nothing_.total() < longest) {
    nothing_.time([] {
      for (const uint64_t start = rte_rdtsc(); rte_rdtsc() - start < kSpin;) {
      }
    });
  }
  Memory memory(gateway_.sessions());
  while (memory_.total() < longest) memory_.time([&] { memory.touch(); });
}

std::vector<Pause> Round::results() {
  return {nothing_.result(), memory_.result(), fill_.result(),  both_.result(),  dump_.result(),
          reload_.result(),  pools_.result(),  clear_.result(), expire_.result()};
}

}  // namespace

std::vector<Pause> measure_pauses(Gateway& gateway, unsigned rounds) {
  Round round(gateway);
  for (unsigned i = 0; i < rounds; ++i) round.run();
  return round.results();
}

void print(const std::vector<Pause>& pauses, uint32_t sessions) {
  fmt::print("{:>10} {:<24} {:>8} {:>11} {:>11} {:>11}\n", "sessions", "step", "calls",
             "longest us", "usual long", "1 in 1000");
  for (const auto& pause : pauses) {
    fmt::print("{:>10} {:<24} {:>8} {:>11.1f} {:>11.1f} {:>11.1f}\n", sessions, pause.step,
               pause.calls, pause.longest_us, pause.usual_longest_us, pause.thousandth_us);
  }
  std::fflush(stdout);
}

}  // namespace isthmus::bench
