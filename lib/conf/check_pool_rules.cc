// SPDX-License-Identifier: BSD-3-Clause
// Contradictions between the options of one pool.
#include <bit>

#include "conf/check.h"
#include "steer/deterministic.h"

namespace isthmus::conf {
namespace {

std::string print_ports(const Pool& pool) {
  return fmt::format("\"{}-{}\"", pool.first_port, pool.last_port);
}

Checked check_blocks(const Pool& pool, const std::string& path) {
  if (!std::has_single_bit(unsigned{pool.block_size})) {
    return Problem{path + ".block_size", 0, std::to_string(pool.block_size),
                   "a power of two, like 256, 512 or 1024"};
  }
  if (pool.first_port < 1024) {
    return Problem{path + ".ports", 0, print_ports(pool),
                   "ports from 1024 on: blocks hold no well-known ports"};
  }
  const unsigned first = (pool.first_port + pool.block_size - 1u) / pool.block_size;
  const unsigned end = (pool.last_port + 1u) / pool.block_size;
  if (first < end) return std::nullopt;
  return Problem{path + ".ports", 0, print_ports(pool),
                 fmt::format("a range that holds a whole block; with block_size {} they begin at "
                             "multiples of {}",
                             pool.block_size, pool.block_size)};
}

Checked check_deterministic(const Config& config, const Pool& pool, const std::string& path) {
  if (pool.inside.length == 0) {
    return Problem{path + ".inside", 0, "nothing",
                   "the prefix of the subscribers, like \"2001:db8:100::/48\""};
  }
  auto map = make_map(config, pool);
  if (map) return std::nullopt;
  return Problem{path + ".inside", 0, quote(net::to_string(pool.inside)),
                 "subscribers that fit into the pool; " + map.error().text};
}

/// Two pools must not both answer for a subscriber.
Checked check_insides(const Nat64& instance, std::size_t at, const std::string& path) {
  const Pool& pool = instance.pools[at];
  for (std::size_t k = 0; k < at; ++k) {
    const Pool& other = instance.pools[k];
    if (other.allocation != Allocation::kDeterministic) continue;
    if (!pool.inside.contains(other.inside) && !other.inside.contains(pool.inside)) continue;
    return Problem{path + ".inside", 0, quote(net::to_string(pool.inside)),
                   fmt::format("a prefix that does not overlap that of pool {} ({})", other.name,
                               net::to_string(other.inside))};
  }
  return std::nullopt;
}

}  // namespace

Result<steer::DeterministicMap> make_map(const Config& config, const Pool& pool) {
  std::vector<steer::AddressRange> outside;
  for (const auto& range : pool.ranges) outside.push_back({range.first, range.last});
  return steer::DeterministicMap::make({pool.inside, config.limits.subscriber_prefix,
                                        std::move(outside), pool.first_port, pool.last_port});
}

Checked check_pool_rules(const Config& config, const Lines&) {
  for (std::size_t i = 0; i < config.nat64.size(); ++i) {
    const auto& instance = config.nat64[i];
    for (std::size_t k = 0; k < instance.pools.size(); ++k) {
      const Pool& pool = instance.pools[k];
      const auto path = fmt::format("nat64[{}].pools[{}]", i, k);
      if (pool.allocation == Allocation::kBlocks) {
        if (auto problem = check_blocks(pool, path)) return problem;
      }
      if (pool.allocation != Allocation::kDeterministic) continue;
      if (auto problem = check_deterministic(config, pool, path)) return problem;
      if (auto problem = check_insides(instance, k, path)) return problem;
    }
  }
  return std::nullopt;
}

}  // namespace isthmus::conf
