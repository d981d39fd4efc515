// SPDX-License-Identifier: BSD-3-Clause
// hot path
#include "dataplane/tx.h"

#include <rte_ethdev.h>

namespace isthmus::dataplane {

// The queue is another worker's.
void Transmitter::give(rte_mbuf* frame, uint16_t port, uint8_t hops) {
  FrameMeta& meta = meta_of(frame);
  meta.task = FrameMeta::Task::kTransmit;
  meta.port = port;
  handoff_.give(frame, out_[port].queue.owner, hops);
}

void Transmitter::flush(Out& out) {
  unsigned sent = 0;
  if (core_.tap != nullptr) [[unlikely]]
    core_.tap->sent(out.frames.data(), out.count, out.queue.port_id);
  // Some drivers take no more than a fixed number per call: go on while they take any.
  while (sent < out.count) {
    const auto more = static_cast<uint16_t>(out.count - sent);
    const uint16_t taken =
        rte_eth_tx_burst(out.queue.port_id, out.queue.queue, out.frames.data() + sent, more);
    if (taken == 0) break;
    sent += taken;
  }
  for (unsigned i = sent; i < out.count; ++i) {
    out.bytes -= out.frames[i]->pkt_len;
    core_.drop(out.frames[i], DropReason::kTxFull);
  }
  core_.counters.add(Counter::kTxPackets, sent);
  core_.counters.add(Counter::kTxBytes, out.bytes);
  out.count = 0;
  out.bytes = 0;
}

void Transmitter::flush() {
  for (auto& out : out_) {
    if (out.count != 0) flush(out);
  }
}

void Transmitter::give_turns() {
  for (auto& out : out_) {
    if (out.queue.wants_turns && out.is_ours) {
      rte_eth_tx_burst(out.queue.port_id, out.queue.queue, out.frames.data(), 0);
    }
  }
}

}  // namespace isthmus::dataplane
