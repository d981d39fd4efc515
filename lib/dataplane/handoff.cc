// SPDX-License-Identifier: BSD-3-Clause
// hot path
#include "dataplane/handoff.h"

namespace isthmus::dataplane {

void Handoff::give(rte_mbuf* mbuf, unsigned to, uint8_t hops) {
  if (hops >= kMaxHops || to >= out_.size() || to == core_.id) {
    core_.drop(mbuf, DropReason::kHandoffLoop);
    return;
  }
  meta_of(mbuf).hops = static_cast<uint8_t>(hops + 1);
  Out& out = out_[to];
  out.mbufs[out.count++] = mbuf;
  if (out.count == kBurst) flush(to);
}

void Handoff::flush(unsigned to) {
  Out& out = out_[to];
  const unsigned sent = core_.fabric.ring(core_.id, to)->push(out.mbufs.data(), out.count);
  core_.counters.add(Counter::kHandoffOut, sent);
  for (unsigned i = sent; i < out.count; ++i) core_.drop(out.mbufs[i], DropReason::kHandoffFull);
  out.count = 0;
}

void Handoff::flush() {
  for (unsigned to = 0; to < out_.size(); ++to) {
    if (out_[to].count != 0) flush(to);
  }
}

unsigned Handoff::take(unsigned from, rte_mbuf** mbufs, unsigned limit) {
  const unsigned count = core_.fabric.ring(from, core_.id)->pop(mbufs, limit);
  core_.counters.add(Counter::kHandoffIn, count);
  return count;
}

}  // namespace isthmus::dataplane
