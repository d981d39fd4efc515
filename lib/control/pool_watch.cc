// SPDX-License-Identifier: BSD-3-Clause
#include "control/pool_watch.h"

#include <algorithm>

#include "control/json.h"

namespace isthmus::control {
namespace {

constexpr double kLess = 10;

void add(nat::PoolInfo& sum, const nat::PoolInfo& info) {
  sum.capacity = info.shared_capacity ? info.capacity : sum.capacity + info.capacity;
  sum.used_tcp += info.used_tcp;
  sum.used_udp += info.used_udp;
  sum.used_icmp += info.used_icmp;
  sum.held += info.held;
  sum.blocks += info.blocks;
  sum.blocks_granted += info.blocks_granted;
  sum.blocks_resting += info.blocks_resting;
}

}  // namespace

Result<std::vector<nat::PoolInfo>> sum_of_pools(const conf::Config& config, StateWalk& walk) {
  std::size_t count = 0;
  for (const auto& nat64 : config.nat64) count += nat64.pools.size();
  std::vector<nat::PoolInfo> sums;
  std::vector<nat::PoolInfo> infos(count);
  for (unsigned worker = 0; worker < walk.workers(); ++worker) {
    const auto got = walk.pools(worker, infos);
    if (!got) return Error{fmt::format("worker {}: {}", worker, got.error().text)};
    for (const auto& info : std::span(infos).first(std::min(*got, infos.size()))) {
      auto sum = std::find_if(sums.begin(), sums.end(), [&](const nat::PoolInfo& s) {
        return s.instance == info.instance && s.pool == info.pool;
      });
      if (sum == sums.end()) {
        sum = sums.insert(sums.end(), nat::PoolInfo{});
        sum->instance = info.instance;
        sum->pool = info.pool;
      }
      add(*sum, info);
    }
  }
  std::erase_if(sums, [&](const nat::PoolInfo& sum) {
    return sum.instance >= config.nat64.size() ||
           sum.pool >= config.nat64[sum.instance].pools.size();
  });
  return sums;
}

double used_percent(const nat::PoolInfo& sum) {
  if (sum.blocks != 0) return percent(sum.blocks_granted, sum.blocks);
  return percent(std::max({sum.used_tcp, sum.used_udp, sum.used_icmp}), sum.capacity);
}

PoolWatch::PoolWatch(Write write) : write_(std::move(write)) {}

void PoolWatch::look(const conf::Config& config, StateWalk& walk, const Reached& reached) {
  const auto sums = sum_of_pools(config, walk);
  if (!sums) return;  // a worker that is busy: next time
  for (const auto& sum : *sums) {
    const auto& nat64 = config.nat64[sum.instance];
    const auto& pool = nat64.pools[sum.pool];
    const Name name{nat64.name, pool.name};
    const double used = used_percent(sum);
    const double alarm = pool.alarm == 0 ? 101 : pool.alarm;
    if (used >= alarm && full_.insert(name).second) {
      write_(LogLevel::kWarning,
             fmt::format("nat64 \"{}\", pool \"{}\": {} % in use; give it more addresses",
                         nat64.name, pool.name, used));
      if (reached) reached(sum, static_cast<uint32_t>(sum.capacity * pool.alarm / 100));
    } else if (used < alarm - kLess && full_.erase(name) != 0) {
      write_(LogLevel::kInfo, fmt::format("nat64 \"{}\", pool \"{}\": {} % in use again",
                                          nat64.name, pool.name, used));
    }
  }
}

}  // namespace isthmus::control
