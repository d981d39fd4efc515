// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/spsc_ring.h"

#include <fmt/format.h>
#include <rte_malloc.h>

namespace isthmus::dataplane {

Result<std::unique_ptr<SpscRing>> SpscRing::make(unsigned size) {
  const auto bytes = rte_ring_get_memsize(size);
  // Not rte_ring_create(): that takes a name, and a memory zone of which there are few.
  auto* ring = bytes < 0 ? nullptr
                         : static_cast<rte_ring*>(rte_zmalloc("ring", static_cast<size_t>(bytes),
                                                              RTE_CACHE_LINE_SIZE));
  if (ring == nullptr || rte_ring_init(ring, "isthmus", size, RING_F_SP_ENQ | RING_F_SC_DEQ) != 0) {
    rte_free(ring);
    return Error{fmt::format("no memory for a ring of {} packets: raise memory.megabytes", size)};
  }
  return std::unique_ptr<SpscRing>(new SpscRing(ring));
}

SpscRing::~SpscRing() {
  rte_mbuf* mbuf;
  while (pop(&mbuf, 1) == 1) rte_pktmbuf_free(mbuf);
  rte_free(ring_);
}

}  // namespace isthmus::dataplane
