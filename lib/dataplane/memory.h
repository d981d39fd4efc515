// SPDX-License-Identifier: BSD-3-Clause
// Packet buffers: one pool per NUMA node that has a port. And what DPDK and the process take.
#pragma once

#include <rte_mempool.h>

#include <cstdint>
#include <map>
#include <memory>

#include "dataplane/dataplane.h"
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
/// Bytes of memory that a pool lies in.
uint64_t pool_bytes(rte_mempool* pool);

/// Bytes of DPDK's memory that are present, pools included. Of forwarding tables parts become so
/// when routes come to lie in them.
uint64_t dpdk_bytes();

/// What grows by the memory that something takes while it is made. Unlike dpdk_bytes() it costs
/// nothing: in huge pages what is allocated is present; elsewhere the kernel counts what comes up.
uint64_t taken_bytes();

/// The process as the kernel sees it, in bytes.
ProcessMemory process_memory();

}  // namespace isthmus::dataplane
