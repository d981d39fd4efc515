// SPDX-License-Identifier: BSD-3-Clause
#include "bench/port.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace isthmus::bench {

Port::Port(const std::string& name) : self_{this} {
  // Forwarding tables have pools, too.
  const auto visit = [](rte_mempool* pool, void* to) {
    if (std::strncmp(pool->name, "isthmus-buffers", 15) == 0)
      *static_cast<rte_mempool**>(to) = pool;
  };
  rte_mempool_walk(visit, &pool_);
  if (rte_eth_dev_get_port_by_name(device(name).c_str(), &id_) != 0) std::abort();
  auto& ops = rte_eth_fp_ops[id_];
  ops.rx_pkt_burst = receive;
  ops.tx_pkt_burst = send;
  ops.rxq.data = ops.txq.data = self_;
}

uint16_t Port::receive(void* context, rte_mbuf** mbufs, uint16_t count) {
  auto& port = *static_cast<Port*>(context);
  if (!port.generate_) return 0;
  count = static_cast<uint16_t>(std::min<uint64_t>({count, port.burst_, port.left_}));
  if (count == 0 || rte_pktmbuf_alloc_bulk(port.pool_, mbufs, count) != 0) return 0;
  port.write(mbufs, count);
  port.received_ += count;
  port.left_ -= count;
  return count;
}

uint16_t Port::send(void* context, rte_mbuf** mbufs, uint16_t count) {
  auto& port = *static_cast<Port*>(context);
  if (port.observe_) port.look(mbufs, count);
  port.sent_ += count;
  rte_pktmbuf_free_bulk(mbufs, count);
  return count;
}

[[gnu::noinline]] void Port::write(rte_mbuf** mbufs, uint16_t count) {
  const uint64_t start = rte_rdtsc();
  generate_(mbufs, count);
  own_cycles_ += rte_rdtsc() - start;
}

[[gnu::noinline]] void Port::look(rte_mbuf** mbufs, uint16_t count) {
  const uint64_t start = rte_rdtsc();
  observe_(mbufs, count);
  own_cycles_ += rte_rdtsc() - start;
}

}  // namespace isthmus::bench
