// SPDX-License-Identifier: BSD-3-Clause
// What DPDK's telemetry socket answers to /isthmus/... (isthmusd --dpdk-telemetry).
//
// Theory of operation. EAL has a thread that answers dpdk-telemetry.py, and commands that can be
// registered once and never taken back. They belong to one Engine at a time; under a lock, since it
// may end while they are asked. They read only what any thread may: counters of workers, each word
// for itself (telemetry/counters.h), and how full rings are. Workers are asked nothing.
#pragma once

namespace isthmus::dataplane {

class Engine;

class TelemetrySocket {
 public:
  /// `engine` outlives it, and keeps its workers.
  explicit TelemetrySocket(Engine& engine);
  ~TelemetrySocket();
  TelemetrySocket(const TelemetrySocket&) = delete;
  TelemetrySocket& operator=(const TelemetrySocket&) = delete;
};

}  // namespace isthmus::dataplane
