// SPDX-License-Identifier: BSD-3-Clause
// CPU time of the DNS64 engine, bytes in to bytes out, without sockets: for an answer out of the
// cache and for a miss (AAAA query, empty; A query, one record; synthesis).
#include <ctime>

#include <cstdio>
#include <string>
#include <vector>

#include "dns64/engine.h"

namespace {

using namespace isthmus;
using namespace isthmus::dns64;
using Wire = std::vector<uint8_t>;

double cpu_seconds() {
  timespec ts;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
  return static_cast<double>(ts.tv_sec) + static_cast<double>(ts.tv_nsec) * 1e-9;
}

class Upstream final : public Actions {
 public:
  void reply(uint64_t, Bytes message) override { octets += message.size(); }
  void drop(uint64_t) override {}
  void send(SendId id, unsigned, bool, Bytes message) override {
    pending = id;
    answer.assign(message.begin(), message.end());
  }
  void cancel(SendId) override {}

  /// Turns the query last sent into its answer.
  void make_answer() {
    answer.resize(answer.size() - 11);  // our OPT
    answer[2] = 0x81;
    answer[3] = 0x80;
    answer[11] = 0;
    if (answer[answer.size() - 3] != kTypeA) return;
    answer[7] = 1;
    for (const int octet : {0xc0, 12, 0, 1, 0, 1, 0, 0, 14, 16, 0, 4, 8, 8, 8, 8}) {
      answer.push_back(static_cast<uint8_t>(octet));
    }
  }
  SendId pending = 0;
  Wire answer;
  uint64_t octets = 0;
};

Wire query(unsigned number) {
  Wire out = {0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  const std::string label = "host" + std::to_string(number);
  for (const std::string& part : {label, std::string("example"), std::string("net")}) {
    out.push_back(static_cast<uint8_t>(part.size()));
    out.insert(out.end(), part.begin(), part.end());
  }
  for (const int octet : {0, 0, 28, 0, 1}) out.push_back(static_cast<uint8_t>(octet));
  return out;
}

}  // namespace

int main() {
  constexpr unsigned kNames = 50'000;
  constexpr unsigned kRounds = 20;
  EngineSettings settings;
  settings.random = [state = uint64_t{1}]() mutable {
    return state = state * 6364136223846793005 + 1442695040888963407;
  };
  Engine engine(settings);
  Upstream upstream;
  std::vector<Wire> queries;
  for (unsigned i = 0; i < kNames; ++i) queries.push_back(query(i));

  double start = cpu_seconds();
  for (const Wire& q : queries) {
    engine.on_query(1000, 1, Client{}, q, upstream);
    for (int i = 0; i < 2; ++i) {
      upstream.make_answer();
      engine.on_answer(1000, upstream.pending, upstream.answer, upstream);
    }
  }
  const double miss = (cpu_seconds() - start) / kNames;
  start = cpu_seconds();
  for (unsigned round = 0; round < kRounds; ++round) {
    for (const Wire& q : queries) engine.on_query(2000, 1, Client{}, q, upstream);
  }
  const double hit = (cpu_seconds() - start) / kNames / kRounds;
  std::printf("{\"miss_us\": %.3f, \"hit_us\": %.3f, \"synthesised\": %llu, \"hits\": %llu}\n",
              miss * 1e6, hit * 1e6,
              static_cast<unsigned long long>(engine.figures()[FigureId::kSynthesised]),
              static_cast<unsigned long long>(engine.figures()[FigureId::kCacheHits]));
  return 0;
}
