// SPDX-License-Identifier: BSD-3-Clause
// hot path
#include "xlat/siit.h"

namespace isthmus::xlat {
namespace {

// RFC 6052 3.1: the well-known prefix MUST NOT carry non-global addresses; such packets MUST NOT be
// translated.
bool is_barred(const Siit& siit, net::Ip4 address) {
  return siit.prefix.is_well_known() && !siit.allow_non_global && net::is_non_global(address);
}

}  // namespace

bool Siit::takes4(net::Ip4 destination) const {
  for (const auto& inside : inside4) {
    if (inside.contains(destination)) return true;
  }
  return false;
}

DropReason Siit::map_6to4(const net::Ip6& address, net::Ip4& out) const {
  if (!prefix.contains(address)) return DropReason::kNoMapping;
  out = prefix.extract(address);
  if (is_barred(*this, out)) return DropReason::kWkpNonGlobal;
  // What is no host in IPv4 gets no IPv4 packet, from it or to it (RFC 7915 8, RFC 6052 5.1).
  return net::is_illegal_source(out) ? DropReason::kNoMapping : DropReason::kNone;
}

DropReason Siit::map_4to6(net::Ip4 address, net::Ip6& out) const {
  if (is_barred(*this, address)) return DropReason::kWkpNonGlobal;
  out = prefix.embed(address);
  return DropReason::kNone;
}

}  // namespace isthmus::xlat
