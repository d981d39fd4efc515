// SPDX-License-Identifier: BSD-3-Clause
// A single-producer single-consumer ring of mbufs that frees what is left in it.
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <memory>

#include "net/result.h"

namespace isthmus::dataplane {

class SpscRing {
 public:
  /// `size` is a power of two; the ring holds size - 1.
  static Result<std::unique_ptr<SpscRing>> make(unsigned size);
  ~SpscRing();
  SpscRing(const SpscRing&) = delete;
  SpscRing& operator=(const SpscRing&) = delete;

  unsigned push(rte_mbuf** mbufs, unsigned count) {
    return rte_ring_sp_enqueue_burst(ring_, reinterpret_cast<void**>(mbufs), count, nullptr);
  }
  unsigned pop(rte_mbuf** mbufs, unsigned count) {
    return rte_ring_sc_dequeue_burst(ring_, reinterpret_cast<void**>(mbufs), count, nullptr);
  }
  bool empty() const { return rte_ring_empty(ring_) != 0; }
  unsigned free_places() const { return rte_ring_free_count(ring_); }
  unsigned used() const { return rte_ring_count(ring_); }
  unsigned capacity() const { return rte_ring_get_capacity(ring_); }

 private:
  explicit SpscRing(rte_ring* ring) : ring_(ring) {}
  rte_ring* ring_;
};

}  // namespace isthmus::dataplane
