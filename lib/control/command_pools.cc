// SPDX-License-Identifier: BSD-3-Clause
// Commands about pools.
#include <algorithm>

#include <fmt/format.h>

#include "control/command_show.h"
#include "control/command_walk.h"
#include "control/json.h"
#include "control/pool_watch.h"

namespace isthmus::control {
namespace {

std::string_view word_of(conf::Allocation allocation) {
  switch (allocation) {
    case conf::Allocation::kDynamic: return "dynamic";
    case conf::Allocation::kBlocks: return "blocks";
    case conf::Allocation::kDeterministic: return "deterministic";
  }
  return "unknown";
}

uint64_t addresses_in(const conf::Pool& pool) {
  uint64_t count = 0;
  for (const auto& range : pool.ranges) {
    count += uint64_t{range.last.host()} - range.first.host() + 1;
  }
  return count;
}

Json row_of(const conf::Nat64& nat64, const conf::Pool& pool, const nat::PoolInfo& sum) {
  Json row{{"nat64", nat64.name},
           {"pool", pool.name},
           {"allocation", word_of(pool.allocation)},
           {"drain", pool.drain},
           {"addresses", addresses_in(pool)},
           {"ports", fmt::format("{}-{}", pool.first_port, pool.last_port)},
           {"capacity", sum.capacity},
           {"used_tcp", sum.used_tcp},
           {"used_udp", sum.used_udp},
           {"used_icmp", sum.used_icmp},
           {"used_percent", used_percent(sum)},
           {"held_down", sum.held}};
  row["blocks"] = sum.blocks;
  row["blocks_granted"] = sum.blocks_granted;
  row["blocks_resting"] = sum.blocks_resting;
  return row;
}

Json rows_of(const conf::Config& config, const std::vector<nat::PoolInfo>& sums) {
  Json list = Json::array();
  for (const auto& sum : sums) {
    const auto& nat64 = config.nat64[sum.instance];
    list.push_back(row_of(nat64, nat64.pools[sum.pool], sum));
  }
  return list;
}

Answer no_sums(const Error& error) {
  return failure(error.text, "\"show workers\" tells whether it is alive; try again");
}

Answer cells_answer(const conf::Nat64& nat64, const conf::Pool& pool,
                    const steer::DeterministicMap& map, const net::Ip6Prefix& inside) {
  const auto cells = map.cells_of(inside.address);
  return answer({{"nat64", nat64.name},
                 {"pool", pool.name},
                 {"inside", net::to_string(inside)},
                 {"outside", net::to_string(cells.address)},
                 {"first_port", cells.first},
                 {"last_port", cells.last}});
}

}  // namespace

Answer show_pools(Backend& backend, StateWalk& walk) {
  const auto config = backend.config();
  const auto sums = sum_of_pools(*config, walk);
  return sums ? answer({{"pools", rows_of(*config, *sums)}}) : no_sums(sums.error());
}

Answer show_top_pools(Backend& backend, StateWalk& walk, const Request& request) {
  const auto config = backend.config();
  auto sums = sum_of_pools(*config, walk);
  if (!sums) return no_sums(sums.error());
  std::stable_sort(sums->begin(), sums->end(),
                   [](const auto& a, const auto& b) { return used_percent(a) > used_percent(b); });
  sums->resize(std::min<uint64_t>(sums->size(), request.limit.value_or(kTopByDefault)));
  return answer({{"pools", rows_of(*config, *sums)}});
}

// The same arithmetic that workers use (steer/deterministic.h).
Answer deterministic(Backend& backend, const Request& request) {
  const auto& filter = request.filter;
  const bool inside = filter.inside && filter.inside->length == 128;
  const bool outside = filter.outside && filter.outside->length == 32 && filter.outside_port;
  if (inside == outside) {
    return failure("it takes an address, or a pool address and port",
                   "deterministic inside 2001:db8::1, or deterministic outside 203.0.113.7:40112");
  }
  const auto config = backend.config();
  for (const auto& nat64 : config->nat64) {
    for (const auto& pool : nat64.pools) {
      if (pool.allocation != conf::Allocation::kDeterministic) continue;
      const auto map = conf::make_map(*config, pool);
      if (!map) continue;
      if (inside && map->has(filter.inside->address)) {
        return cells_answer(
            nat64, pool, *map,
            net::prefix_of(filter.inside->address, config->limits.subscriber_prefix));
      }
      if (!outside) continue;
      if (const auto found = map->subscriber_of(filter.outside->address, *filter.outside_port)) {
        return cells_answer(nat64, pool, *map, *found);
      }
    }
  }
  return failure(
      inside ? net::to_string(filter.inside->address) + " is inside no deterministic pool's prefix"
             : fmt::format("{}:{} is no subscriber's in a deterministic pool",
                           net::to_string(filter.outside->address), *filter.outside_port),
      "\"show pools\" lists pools with their allocation");
}

Answer drain_pool(Backend& backend, const Request& request, bool drain) {
  if (request.rest.empty()) return failure("no pool named", "\"show pools\" lists them");
  if (const auto done = backend.drain_pool(request.rest, drain); !done) {
    return failure(done.error().text, "\"show pools\" lists pools");
  }
  return answer({{drain ? "drained" : "undrained", request.rest}});
}

}  // namespace isthmus::control
