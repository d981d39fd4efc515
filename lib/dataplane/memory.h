// SPDX-License-Identifier: BSD-3-Clause
// Packet buffers: one pool per NUMA node that has a port.
#pragma once

#include <rte_mempool.h>

#include <cstdint>
#include <map>
#include <memory>

#include "net/result.h"

namespace isthmus::dataplane {

/// Buffers a thread keeps at hand; the pool must have as many over for every thread.
inline constexpr unsigned kPoolCache = 256;

struct PoolFree {
  void operator()(rte_mempool* pool) const { rte_mempool_free(pool); }
};
using Pool = std::unique_ptr<rte_mempool, PoolFree>;

/// A pool whose buffers hold a frame of `mtu` in one segment, with room in front for translation.
Result<Pool> make_pool(unsigned buffers, uint16_t mtu, int socket);

}  // namespace isthmus::dataplane
