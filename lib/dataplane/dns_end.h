// SPDX-License-Identifier: BSD-3-Clause
// Rings as the control core and DNS cores use them; and a DNS core's end of the engine.
//
// Theory of operation. Between each worker and each DNS core there is a pair of rings (DnsLane), so
// that every ring has one producer and one consumer. A DNS core reads of the engine only what does
// not change while workers exist: interfaces, ports, pools of buffers.
#pragma once

#include <algorithm>
#include <array>

#include "dataplane/engine.h"

namespace isthmus::dataplane {

Punted punted_of(rte_mbuf* mbuf);
bool push_or_free(SpscRing& ring, rte_mbuf* mbuf);

/// Takes at most `limit` packets from the rings of all workers, starting with worker `first` (by
/// remainder): another one each time, so that a flood at one does not silence the others.
template <class RingOf>
unsigned take_in_turn(unsigned workers, unsigned first, unsigned limit, RingOf&& ring_of,
                      const std::function<void(const Punted&)>& handler) {
  constexpr unsigned kBurst = 32;
  unsigned total = 0;
  for (unsigned i = 0; i < workers && total < limit; ++i) {
    SpscRing& ring = ring_of((first + i) % workers);
    std::array<rte_mbuf*, kBurst> mbufs;
    while (total < limit) {
      const unsigned count = ring.pop(mbufs.data(), std::min(kBurst, limit - total));
      for (unsigned j = 0; j < count; ++j) {
        handler(punted_of(mbufs[j]));
        rte_pktmbuf_free(mbufs[j]);
      }
      total += count;
      if (count == 0) break;
    }
  }
  return total;
}

class EngineDnsEnd final : public DnsEnd {
 public:
  EngineDnsEnd(Engine& engine, unsigned core, unsigned cpu)
      : engine_(engine), core_(core), cpu_(cpu) {}

  Status enter() override;
  void leave() override;
  unsigned take_queries(unsigned limit, const std::function<void(const Punted&)>& handler) override;
  bool inject(InterfaceId interface, std::span<const uint8_t> frame) override;

 private:
  Engine& engine_;
  const unsigned core_;
  const unsigned cpu_;
  unsigned next_ = 0;
};

}  // namespace isthmus::dataplane
