// SPDX-License-Identifier: BSD-3-Clause
// hot path
#include "xlat/siit.h"

namespace isthmus::xlat {
namespace {

// RFC 6052 3.1: the well-known prefix MUST NOT carry non-global addresses; such packets MUST NOT be
// translated.
bool is_barred(const Siit& siit, net::Ip4 address) {
  return siit.prefix.is_well_known() && !siit.allow_non_global &&
         siit.addresses.is_non_global(address);
}

// What is no host in IPv4 gets no IPv4 packet, from it or to it (RFC 7915 8, RFC 6052 5.1).
DropReason if_host(const Siit& siit, net::Ip4 address) {
  return net::is_illegal_source(address) || siit.addresses.is_forbidden(address)
             ? DropReason::kNoMapping
             : DropReason::kNone;
}

}  // namespace

bool Siit::takes6(const net::Ip6& destination) const {
  return prefix.contains(destination) || (eam != nullptr && eam->length6(destination) >= 0);
}

bool Siit::takes4(net::Ip4 destination) const {
  for (const auto& inside : inside4) {
    if (inside.contains(destination)) return true;
  }
  return has_eam(destination);
}

DropReason Siit::map_6to4(const net::Ip6& address, net::Ip4& out, By& by) const {
  const bool in_prefix = prefix.contains(address);
  // RFC 7757 3.3.2: the explicit mappings come first; then the prefix.
  if (eam != nullptr && (!in_prefix || eam_in_prefix) && eam->to4(address, out)) {
    by = By::kEam;
    return if_host(*this, out);
  }
  by = By::kPrefix;
  if (!in_prefix) return DropReason::kNoMapping;
  out = prefix.extract(address);
  return is_barred(*this, out) ? DropReason::kWkpNonGlobal : if_host(*this, out);
}

DropReason Siit::map_4to6(net::Ip4 address, net::Ip6& out) const {
  // RFC 7757 3.3.1.
  if (eam != nullptr && !addresses.is_forbidden(address) && eam->to6(address, out)) {
    return DropReason::kNone;
  }
  return embed(address, out);
}

DropReason Siit::embed(net::Ip4 address, net::Ip6& out) const {
  if (is_barred(*this, address)) return DropReason::kWkpNonGlobal;
  if (addresses.is_forbidden(address)) return DropReason::kNoMapping;
  out = prefix.embed(address);
  return DropReason::kNone;
}

net::Ip4 Siit::icmp_source(uint32_t n) const {
  uint64_t total = 0;
  for (const auto& range : icmp_sources) total += range.size();
  uint64_t left = n % total;
  for (const auto& range : icmp_sources) {
    if (left < range.size()) {
      return net::Ip4::from_host(range.address.host() + static_cast<uint32_t>(left));
    }
    left -= range.size();
  }
  return {};
}

}  // namespace isthmus::xlat
