// SPDX-License-Identifier: BSD-3-Clause
#include "nat/settings.h"

#include <algorithm>

namespace isthmus::nat {

Result<steer::DeterministicMap> make_map(const Settings& settings, const Pool& pool) {
  auto outside = pool.ranges;
  outside.insert(outside.end(), pool.closed.begin(), pool.closed.end());
  auto map = steer::DeterministicMap::make({pool.inside, settings.subscriber_prefix_length,
                                            std::move(outside), pool.ports.first, pool.ports.last});
  if (!map) return Error{"pool " + pool.name + ": " + map.error().text};
  return map;
}

Result<steer::Ownership> make_ownership(const Settings& settings, unsigned workers, uint64_t seed) {
  std::vector<steer::AddressRange> ranges;
  steer::Ownership::Rules rules;
  rules.narrowest = {0, 65535};
  rules.subscriber_length = settings.subscriber_prefix_length;
  for (const auto& instance : settings.instances) {
    for (const auto& pool : instance.pools) {
      if (pool.allocation == Allocation::kDeterministic) {
        // Its cells follow their subscribers: it asks nothing of how the others are divided.
        auto map = make_map(settings, pool);
        if (!map) return map.error();
        rules.deterministic.push_back(std::move(*map));
        continue;
      }
      ranges.insert(ranges.end(), pool.ranges.begin(), pool.ranges.end());
      if (pool.ports.last - pool.ports.first < rules.narrowest.last - rules.narrowest.first) {
        rules.narrowest = {pool.ports.first, pool.ports.last};
      }
      if (pool.allocation == Allocation::kBlocks) {
        rules.largest_block = std::max<unsigned>(rules.largest_block, pool.block_size);
      }
    }
  }
  return steer::Ownership::make(workers, seed, ranges, std::move(rules));
}

}  // namespace isthmus::nat
