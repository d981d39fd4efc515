// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Addresses for protocols without ports.
#include "nat/pools.h"

namespace isthmus::nat {

// Counted through the ranges that the configuration gives the instance, which are the same on every
// worker, whatever cells it has of them.
uint32_t Pools::by_name(uint8_t instance, uint64_t name) const {
  const auto serves = [&](const PoolSet::Range& range) {
    const auto& pool = set_->pools[range.pool];
    return range.open && pool.instance == instance && pool.map == nullptr;
  };
  uint64_t total = 0;
  for (const auto& range : set_->ranges()) {
    if (serves(range)) total += uint64_t{range.last - range.first} + 1;
  }
  if (total == 0) return kNone;
  uint64_t at = name % total;
  for (const auto& range : set_->ranges()) {
    if (!serves(range)) continue;
    const uint64_t size = uint64_t{range.last - range.first} + 1;
    if (at < size) {
      const uint32_t index = find(net::Ip4::from_host(range.first + static_cast<uint32_t>(at)));
      return usable(index, instance) ? index : kNone;
    }
    at -= size;
  }
  return kNone;
}

}  // namespace isthmus::nat
