// SPDX-License-Identifier: BSD-3-Clause
#include "control/mapping_record.h"

#include <fmt/format.h>

#include "control/log.h"

namespace isthmus::control {
namespace {

std::string outside_of(const conf::Pool& pool) {
  std::string out;
  for (const auto& range : pool.ranges) {
    if (!out.empty()) out += ' ';
    out += net::to_string(range.first);
    if (range.first != range.last) out += '-' + net::to_string(range.last);
  }
  return out;
}

// R: what nobody gets, the ports around the pool's range.
std::string reserved_of(const conf::Pool& pool) {
  std::string out = fmt::format("0-{}", pool.first_port - 1);
  if (pool.last_port < 65535) out += fmt::format(",{}-65535", pool.last_port + 1);
  return out;
}

}  // namespace

std::vector<std::string> mapping_records(const conf::Config& config) {
  std::vector<std::string> out;
  for (const auto& nat64 : config.nat64) {
    for (const auto& pool : nat64.pools) {
      if (pool.allocation != conf::Allocation::kDeterministic) continue;
      const auto map = conf::make_map(config, pool);
      if (!map) continue;
      // Ports beyond a subscriber's own come from other pools, so D is none of this one's.
      out.push_back(fmt::format(
          "deterministic: nat64 \"{}\", pool \"{}\": inside {} in /{}, outside {}, dynamic 0{}, "
          "ports each {}, algorithm 0, reserved {}",
          nat64.name, pool.name, net::to_string(pool.inside), config.limits.subscriber_prefix,
          outside_of(pool), pool.overflow ? " (beyond them of other pools)" : "",
          map->ports_per_subscriber(), reserved_of(pool)));
    }
  }
  return out;
}

void log_mappings(const conf::Config& config) {
  for (const auto& record : mapping_records(config)) log_info("{}", record);
}

}  // namespace isthmus::control
