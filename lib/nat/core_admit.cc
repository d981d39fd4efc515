// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Which addresses are translated at all, and what becomes of the others.
#include "nat/core.h"

namespace isthmus::nat {

DropReason Core::allowed_6to4(const Lane& lane, uint8_t instance) const {
  const auto& key = lane.key;
  // RFC 6146 3.5: a source inside the prefix MUST be discarded silently, or packets could loop.
  if (classifier.in_stateful_prefix(key.inside)) return DropReason::kSourceInPrefix;
  if (net::is_illegal_source(key.inside)) return DropReason::kIllegalSource;
  const auto reason = settings_.addresses.is_ordinary(key.remote)
                          ? DropReason::kNone
                          : allowed_remote(key.remote, key.prefix, instance);
  if (reason != DropReason::kNone) return reason;
  const auto* access = instances_[instance].access.get();
  if (access != nullptr && (access->denies_inside(Direction::k6To4, key.inside) ||
                            access->denies_remote(Direction::k6To4, key.remote))) {
    return DropReason::kDenied;
  }
  return DropReason::kNone;
}

DropReason Core::allowed_remote(net::Ip4 remote, uint8_t prefix, uint8_t instance) const {
  // What may not be a source may not be a destination either: no single host answers there.
  if (net::is_illegal_source(remote) || settings_.addresses.is_forbidden(remote)) {
    return DropReason::kFiltered;
  }
  // RFC 6052 3.1: the well-known prefix MUST NOT carry non-global addresses.
  return may_carry(classifier.stateful_prefix(prefix), instance, remote)
             ? DropReason::kNone
             : DropReason::kWkpNonGlobal;
}

// `inside` is unknown for a SYN that would be held.
DropReason Core::allowed_4to6(net::Ip4 remote, const net::Ip6* inside, uint8_t prefix,
                              uint8_t instance) const {
  if (net::is_illegal_source(remote) || settings_.addresses.is_forbidden(remote)) {
    return DropReason::kIllegalSource;
  }
  if (!may_carry(classifier.stateful_prefix(prefix), instance, remote)) {
    return DropReason::kWkpNonGlobal;
  }
  const auto* access = instances_[instance].access.get();
  if (access != nullptr &&
      (access->denies_remote(Direction::k4To6, remote) ||
       (inside != nullptr && access->denies_inside(Direction::k4To6, *inside)))) {
    return DropReason::kDenied;
  }
  return DropReason::kNone;
}

// Conflict C3: a router with a private address shows up in traces, but not under the well-known
// prefix (RFC 6052 3.1), nor one that the operator forbids.
DropReason Core::allowed_router(net::Ip4 router, const net::Prefix6052& prefix,
                                uint8_t instance) const {
  if (settings_.addresses.is_forbidden(router)) return DropReason::kIllegalSource;
  return may_carry(prefix, instance, router) ? DropReason::kNone : DropReason::kWkpNonGlobal;
}

// The addresses are mapped. Errors pass: they are about packets that were looked at.
DropReason Core::allowed_stateless(const net::PacketBuf& buf, const net::PacketView& view,
                                   const Decision& d) const {
  if (settings_.stateless_access.empty()) return DropReason::kNone;
  const auto* access = settings_.stateless_access[d.cls.instance].get();
  if (access == nullptr || view.payload == net::Payload::kIcmpError) return DropReason::kNone;
  const bool v6 = view.family == 6;
  const auto direction = v6 ? Direction::k6To4 : Direction::k4To6;
  const net::Ip6& inside =
      v6 ? net::header_at<net::Ip6Header>(buf.data)->source : d.to6.destination;
  const net::Ip4 remote = v6 ? d.to4.destination : net::header_at<net::Ip4Header>(buf.data)->source;
  return access->denies_inside(direction, inside) || access->denies_remote(direction, remote)
             ? DropReason::kDenied
             : DropReason::kNone;
}

// Conflict C4. RFC 7915 4.4, 5.4: a packet that is discarded SHOULD be answered "administratively
// prohibited", unless it is ICMPv6 or an ICMPv4 error. Forged sources never are.
void Core::refuse(const net::PacketView& view, Decision& d, DropReason reason) const {
  const bool v6 = view.family == 6;
  const bool forged = reason == DropReason::kSourceInPrefix ||
                      reason == DropReason::kIllegalSource ||
                      (!v6 && reason == DropReason::kWkpNonGlobal);
  if (forged || !policy_of(d.cls).answer_refused || (v6 && view.protocol == net::kProtoIcmp6)) {
    return drop(d, reason);
  }
  v6 ? answer_with(d, reason, net::kIcmp6Unreachable, 1)
     : answer_with(d, reason, net::kIcmp4Unreachable, 13);
}

}  // namespace isthmus::nat
