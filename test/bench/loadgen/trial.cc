// SPDX-License-Identifier: BSD-3-Clause
#include "bench/loadgen/trial.h"

#include <fmt/format.h>

#include <algorithm>

namespace isthmus::loadgen {
namespace {

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::kEstablish: return "establish";
    case Kind::kThroughput: return "throughput";
    case Kind::kValidate: return "validate";
    case Kind::kForget: return "forget";
    case Kind::kQuit: break;
  }
  return "quit";
}

// RFC 8219 7.2: typical latency is the median, worst case the 99.9th percentile; 7.3.1: PDV is the
// latter without the minimum.
std::string delays(const Histogram& delay, double ticks_per_second) {
  const double us = 1e6 / ticks_per_second;
  const auto at = [&](double percent) {
    return static_cast<double>(delay.percentile(percent)) * us;
  };
  const double min = static_cast<double>(delay.min()) * us;
  return fmt::format(
      "{{\"min\": {:.2f}, \"p50\": {:.2f}, \"p90\": {:.2f}, \"p99\": {:.2f}, \"p99_9\": {:.2f}, "
      "\"max\": {:.2f}}}, \"pdv_us\": {:.2f}",
      min, at(50), at(90), at(99), at(99.9), static_cast<double>(delay.max()) * us,
      std::max(0.0, at(99.9) - min));
}

std::string one_way(const Tally& tally, double ticks_per_second) {
  return fmt::format(
      "{{\"sent\": {}, \"refused\": {}, \"received\": {}, \"lost\": {}, \"out_of_order\": {}, "
      "\"wrong\": {}, \"delay_us\": {}}}",
      tally.sent, tally.refused, tally.received, tally.lost(), tally.out_of_order, tally.wrong,
      delays(tally.delay, ticks_per_second));
}

}  // namespace

std::string to_json(const Trial& trial, double ticks_per_second) {
  const auto& command = trial.command;
  return fmt::format(
      "{{\"trial\": \"{}\", \"rate\": {:.0f}, \"flows\": {}, \"seconds\": {:.6f}, \"slips\": {}, "
      "\"slipped_seconds\": {:.6f}, \"known\": {}, \"unknown\": {}, \"changed\": {}, "
      "\"answered\": {}, \"foreign\": {}, \"tsc_hz\": {:.0f}, \"6to4\": {}, \"4to6\": {}}}",
      name_of(command.kind), command.rate, command.flows, trial.seconds, trial.slips, trial.slipped,
      trial.known, trial.unknown, trial.changed,
      std::count(trial.answered.begin(), trial.answered.end(), true), trial.foreign,
      ticks_per_second, one_way(trial.ways[k6to4], ticks_per_second),
      one_way(trial.ways[k4to6], ticks_per_second));
}

}  // namespace isthmus::loadgen
