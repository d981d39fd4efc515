// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/policy.h"

#include <algorithm>

namespace isthmus::dns64 {

std::vector<net::Ip6Prefix> Policy::default_exclude() {
  return {*net::parse_ip6_prefix("::ffff:0:0/96")};
}

bool Policy::excluded(const net::Ip6& address) const {
  if (synthesis == Synthesis::kAlways) return true;
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
    if (!rule.prefix || !may_carry(*rule.prefix, address)) continue;
    const net::Ip6 made = rule.prefix->embed(address);
    if (std::find(out.begin(), out.end(), made) == out.end()) out.push_back(made);
  }
}

std::optional<net::Prefix6052> Policy::prefix_of(const net::Ip6& address) const {
  const net::Prefix6052* best = nullptr;
  for (const PrefixRule& rule : rules) {
    if (!rule.prefix || !rule.prefix->contains(address)) continue;
    if (!best || rule.prefix->prefix().length > best->prefix().length) best = &*rule.prefix;
  }
  if (best) return *best;
  const auto well_known = net::Prefix6052::well_known();
  return well_known.contains(address) ? std::optional(well_known) : std::nullopt;
}

uint8_t view_of(const std::vector<ClientRule>& rules, const net::Ip6& client) {
  std::size_t best = 0;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (!rules[i].clients.contains(client)) continue;
    if (best == 0 || rules[i].clients.length > rules[best - 1].clients.length) best = i + 1;
  }
  return static_cast<uint8_t>(best);
}

}  // namespace isthmus::dns64
