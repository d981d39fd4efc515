// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Which addresses a stateful instance translates at all.
#include "nat/core.h"

namespace isthmus::nat {

DropReason Core::allowed_6to4(const Lane& lane, uint8_t instance) const {
  // RFC 6146 3.5: a source inside the prefix MUST be discarded silently, or packets could loop.
  if (classifier.in_stateful_prefix(lane.key.inside)) return DropReason::kSourceInPrefix;
  if (net::is_illegal_source(lane.key.inside)) return DropReason::kIllegalSource;
  return allowed_remote(lane.key.remote, lane.key.prefix, instance);
}

DropReason Core::allowed_remote(net::Ip4 remote, uint8_t prefix, uint8_t instance) const {
  // What may not be a source may not be a destination either: no single host answers there.
  if (net::is_illegal_source(remote)) return DropReason::kFiltered;
  // RFC 6052 3.1: the well-known prefix MUST NOT carry non-global addresses.
  if (classifier.stateful_prefix(prefix).is_well_known() &&
      !instances_[instance].allow_non_global && net::is_non_global(remote)) {
    return DropReason::kWkpNonGlobal;
  }
  return DropReason::kNone;
}

DropReason Core::allowed_4to6(const Lane& lane, uint8_t prefix, uint8_t instance) const {
  if (net::is_illegal_source(lane.key.remote)) return DropReason::kIllegalSource;
  if (classifier.stateful_prefix(prefix).is_well_known() &&
      !instances_[instance].allow_non_global && net::is_non_global(lane.key.remote)) {
    return DropReason::kWkpNonGlobal;
  }
  return DropReason::kNone;
}

}  // namespace isthmus::nat
