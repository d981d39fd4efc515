// SPDX-License-Identifier: BSD-3-Clause
#include "nat/pool_update.h"

#include <algorithm>

namespace isthmus::nat {
namespace {

using Ranges = std::vector<steer::AddressRange>;

const Pool* find(const Instance& instance, const std::string& name) {
  for (const auto& pool : instance.pools) {
    if (pool.name == name) return &pool;
  }
  return nullptr;
}

/// Without the part that `cut` covers.
void cut_out(const steer::AddressRange& range, const steer::AddressRange& cut, Ranges& out) {
  const uint32_t first = range.first.host(), last = range.last.host();
  if (cut.last < range.first || range.last < cut.first) {
    out.push_back(range);
    return;
  }
  if (cut.first.host() > first) {
    out.push_back({range.first, net::Ip4::from_host(cut.first.host() - 1)});
  }
  if (cut.last.host() < last) {
    out.push_back({net::Ip4::from_host(cut.last.host() + 1), range.last});
  }
}

void append(Ranges& to, const Ranges& from) {
  to.insert(to.end(), from.begin(), from.end());
}

/// Closes what has been in another pool.
void close_moved(PoolChange& change) {
  for (auto& instance : change.settle.instances) {
    for (auto& pool : instance.pools) {
      const Ranges others = subtract(pool.ranges, change.leaving);
      pool.closed = subtract(pool.ranges, others);
      pool.ranges = others;
      change.moves = change.moves || !pool.closed.empty();
    }
  }
}

}  // namespace

Ranges subtract(Ranges a, const Ranges& b) {
  for (const auto& cut : b) {
    Ranges left;
    for (const auto& range : a) cut_out(range, cut, left);
    a = std::move(left);
  }
  return a;
}

bool same_pools(const Settings& a, const Settings& b) {
  return std::equal(a.instances.begin(), a.instances.end(), b.instances.begin(), b.instances.end(),
                    [](const Instance& x, const Instance& y) {
                      // Filtering decides whether freed ports rest.
                      return x.pools == y.pools && x.filtering == y.filtering;
                    });
}

PoolChange plan_change(const Settings& running, const Settings& wanted) {
  PoolChange change{wanted, {}, wanted};
  Ranges everything;
  for (const auto& instance : running.instances) {
    for (const auto& pool : instance.pools) append(everything, pool.ranges);
  }
  for (std::size_t i = 0; i < wanted.instances.size() && i < running.instances.size(); ++i) {
    auto& join = change.join.instances[i].pools;
    for (auto& pool : join) {
      const Pool* before = find(running.instances[i], pool.name);
      const Ranges old = before == nullptr ? Ranges{} : before->ranges;
      const Ranges leaving = subtract(old, pool.ranges);
      // What comes from another pool is not here before it has left there.
      pool.closed = subtract(pool.ranges, everything);
      append(pool.closed, leaving);
      append(change.leaving, leaving);
      pool.ranges = subtract(old, leaving);
    }
    for (const auto& pool : running.instances[i].pools) {
      if (find(wanted.instances[i], pool.name) != nullptr) continue;
      append(change.leaving, pool.ranges);
      join.push_back(pool);
      join.back().drain = true;
    }
  }
  close_moved(change);
  return change;
}

}  // namespace isthmus::nat
