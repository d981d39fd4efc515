// SPDX-License-Identifier: BSD-3-Clause
// How long a worker is kept from its queues: the longest single step of whatever it does.
//
// Theory of operation. The control core asks a worker small questions between two bursts, and a
// turn of the loop has bounded work; so a pause is one turn, or one answer. Each is timed by
// itself, by the thread's own clock: what the machine gives to others meanwhile does not count.
// Interrupts, and what a hypervisor takes, do; so rounds are made, each with its longest, and that
// of the quietest round is ours. Two controls say what of all is not, in pieces about as long as a
// turn, for as long as the longest of the steps went on: "nothing" is a loop, "memory alone" writes
// to random lines of as much memory as the tables have.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/gateway.h"

namespace isthmus::bench {

struct Pause {
  std::string step;
  uint64_t calls = 0;  ///< a round
  double longest_us = 0;
  double usual_longest_us = 0;  ///< median of the rounds
  double thousandth_us = 0;     ///< one call in a thousand takes longer; median of the rounds
};

/// The flows are not set up yet; afterwards they are forgotten.
std::vector<Pause> measure_pauses(Gateway& gateway, unsigned rounds);
void print(const std::vector<Pause>& pauses, uint32_t sessions);

}  // namespace isthmus::bench
