// SPDX-License-Identifier: BSD-3-Clause
// DNS64 as the daemon has it: a port, a worker, its rings, and the control core with the service.
//
// Theory of operation. One worker on a port of ours is driven turn by turn until its ring of
// punted packets is well filled; then the control core's part of the daemon's loop runs until that
// is empty; then the worker sends the answers. The thread's CPU time is taken around each, so that
// each core's share is known although one core does both. Upstream is a socket on the loopback
// that a thread of its own answers; what the kernel takes for it is known apart (socket_time.h).
#pragma once

#include <cstdint>
#include <memory>

namespace isthmus::bench {

class DnsPath {
 public:
  struct Cost {
    double control = 0;  ///< seconds of the control core, all answers together
    double worker = 0;   ///< of the worker, without writing the frames that arrive
    double sockets = 0;  ///< part of `control` that was inside the kernel for upstream's sockets
    uint64_t socket_calls = 0;
    uint64_t answers = 0;
  };

  DnsPath(unsigned cpu, bool huge_pages);
  ~DnsPath();

  /// Asks for `count` names from number `first` on, each once, and waits for the answers.
  Cost ask(unsigned first, unsigned count);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace isthmus::bench
