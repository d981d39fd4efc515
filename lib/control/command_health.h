// SPDX-License-Identifier: BSD-3-Clause
// Whether the gateway does its work, for routers and load balancers that ask every second.
//
// Theory of operation. Only what the daemon knows by itself is judged: it sends no packets to try.
// Heartbeat is shown the workers' loop counters once a second and with each question; a counter
// that stood still for kPatience belongs to a worker that hangs. Hanging workers are not asked
// anything, so the answer does not wait for them.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "control/commands.h"

namespace isthmus::control {

class Heartbeat {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kPatience{3};

  void look(const dataplane::Dataplane& dataplane, Clock::time_point now);
  bool beats(unsigned worker, Clock::time_point now) const;
  /// Since it was last seen to turn, or since we look.
  std::chrono::seconds silence(unsigned worker, Clock::time_point now) const;

 private:
  struct Seen {
    uint64_t loops = 0;
    Clock::time_point when;
  };
  std::vector<Seen> seen_;  ///< by worker
};

/// `heartbeat` has just been shown the workers.
Answer health(Backend& backend, StateWalk& walk, const Heartbeat& heartbeat,
              Heartbeat::Clock::time_point now, const Request& request);

}  // namespace isthmus::control
