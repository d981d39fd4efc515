// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Packets from worker to worker.
//
// Theory of operation. There is one single-producer single-consumer ring for every ordered pair of
// workers. Outgoing packets are gathered per target and enqueued at the end of a burst. A full ring
// drops and counts: two workers that waited for each other would wait for ever.
#pragma once

#include <array>
#include <vector>

#include "dataplane/core.h"
#include "dataplane/frame_meta.h"

namespace isthmus::dataplane {

class Handoff {
 public:
  static constexpr unsigned kBurst = 64;

  explicit Handoff(Core& core) : core_(core), out_(core.fabric.workers) {}

  /// The rest of `mbuf`'s meta data is filled in.
  void give(rte_mbuf* mbuf, unsigned to, uint8_t hops);
  void flush();
  /// At most `limit` of the packets that worker `from` gave to us.
  unsigned take(unsigned from, rte_mbuf** mbufs, unsigned limit);

 private:
  struct Out {
    unsigned count = 0;
    std::array<rte_mbuf*, kBurst> mbufs;
  };
  void flush(unsigned to);

  Core& core_;
  std::vector<Out> out_;
};

}  // namespace isthmus::dataplane
