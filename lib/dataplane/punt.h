// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Packets from a worker to the control core, over a ring of the worker's own.
#pragma once

#include "dataplane/core.h"
#include "dataplane/frame_meta.h"

namespace isthmus::dataplane {

class Punter {
 public:
  Punter(Core& core, SpscRing& ring) : core_(core), ring_(ring) {}

  /// An untagged frame for the box.
  void frame(rte_mbuf* frame, PuntKind kind, InterfaceId from) {
    FrameMeta& meta = meta_of(frame);
    meta.punt = kind;
    meta.interface = from;
    if (!push(frame)) return;
    core_.counters.add(Counter::kPunted);
    if (kind == PuntKind::kDns) core_.counters.add(Counter::kPuntedDns);
  }

  /// An IP packet that waits for the link address of `next_hop`.
  void unresolved(rte_mbuf* packet, InterfaceId out, const Address& next_hop) {
    FrameMeta& meta = meta_of(packet);
    meta.punt = PuntKind::kUnresolved;
    meta.interface = out;
    meta.next_hop = next_hop;
    if (push(packet)) core_.counters.add(Counter::kUnresolved);
  }

 private:
  bool push(rte_mbuf* mbuf) {
    if (core_.tap != nullptr) [[unlikely]]
      core_.tap->punted(mbuf, meta_of(mbuf).punt);
    if (ring_.push(&mbuf, 1) == 1) return true;
    core_.drop(mbuf, DropReason::kPuntFull);
    return false;
  }

  Core& core_;
  SpscRing& ring_;
};

}  // namespace isthmus::dataplane
