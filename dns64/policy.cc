// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/policy.h"

#include <algorithm>

namespace isthmus::dns64 {

std::vector<net::Ip6Prefix> Policy::default_exclude() {
  return {*net::parse_ip6_prefix("::ffff:0:0/96")};
}

bool Policy::excluded(const net::Ip6& address) const {
  return std::any_of(exclude.begin(), exclude.end(),
                     [&](const net::Ip6Prefix& prefix) { return prefix.contains(address); });
}

bool MayCarry::operator()(const net::Prefix6052& prefix, net::Ip4 address) const {
  if (addresses.is_forbidden(address)) return false;
  // RFC 6052 3.1: the well-known prefix MUST NOT represent non-global IPv4 addresses.
  return allow_non_global || !prefix.is_well_known() || !addresses.is_non_global(address);
}

void Policy::synthesise(net::Ip4 address, std::vector<net::Ip6>& out) const {
  out.clear();
  int longest = -1;
  for (const PrefixRule& rule : rules) {
    if (rule.range.contains(address)) longest = std::max<int>(longest, rule.range.length);
  }
  for (const PrefixRule& rule : rules) {
    if (rule.range.length != longest || !rule.range.contains(address)) continue;
    if (may_carry(rule.prefix, address)) out.push_back(rule.prefix.embed(address));
  }
}

std::optional<net::Prefix6052> Policy::prefix_of(const net::Ip6& address) const {
  const net::Prefix6052* best = nullptr;
  for (const PrefixRule& rule : rules) {
    if (!rule.prefix.contains(address)) continue;
    if (!best || rule.prefix.prefix().length > best->prefix().length) best = &rule.prefix;
  }
  if (best) return *best;
  const auto well_known = net::Prefix6052::well_known();
  return well_known.contains(address) ? std::optional(well_known) : std::nullopt;
}

}  // namespace isthmus::dns64
