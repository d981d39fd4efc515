// SPDX-License-Identifier: BSD-3-Clause
// hot path
// What the stages of one worker share, and what all workers share.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/forwarding.h"
#include "dataplane/interface.h"
#include "dataplane/spsc_ring.h"
#include "dataplane/tap.h"
#include "net/hash.h"
#include "steer/ownership.h"
#include "telemetry/counters.h"

namespace isthmus::dataplane {

using telemetry::Counter;
using telemetry::DropReason;

/// A worker's transmit queue on a port; `owner` is the worker to ask where it has none.
struct TxQueue {
  uint16_t port_id = 0;
  uint16_t queue = 0;
  unsigned owner = 0;
  bool wants_turns = false;  ///< to be called without packets too; see Port::wants_turns()
};

/// What all workers see and none changes.
struct Fabric {
  std::vector<PortTable> ports;
  std::vector<LinkInterface> interfaces;
  steer::Ownership ownership;
  /// Ring from worker a to worker b at [a * workers + b]; none from a to a.
  std::vector<std::unique_ptr<SpscRing>> handoff;
  unsigned workers = 1;
  net::HashKey dns_key{};  ///< which DNS core a client's questions go to

  SpscRing* ring(unsigned from, unsigned to) const { return handoff[from * workers + to].get(); }
};

/// One worker's common ground. Refreshed once per loop.
struct Core {
  unsigned id = 0;
  const Fabric& fabric;
  rte_mempool* pool = nullptr;
  telemetry::Counters& counters;
  const Forwarding* forwarding = nullptr;
  uint32_t now_ms = 0;
  Tap* tap = nullptr;  ///< while packets are captured

  void drop(rte_mbuf* mbuf, DropReason reason) {
    if (tap != nullptr) [[unlikely]]
      tap->dropped(mbuf, reason);
    counters.add_drop(reason);
    rte_pktmbuf_free(mbuf);
  }
};

}  // namespace isthmus::dataplane
