// SPDX-License-Identifier: BSD-3-Clause
// Bindings that inside hosts ask for by PCP (RFC 6887 11.3), on behalf of the control core.
#include "nat/core.h"

namespace isthmus::nat {
namespace {

// RFC 6887 11.3: "A PCP server MUST NOT create client mappings for external UDP ports 5350 or
// 5351", where hosts expect PCP itself.
bool is_pcp(uint8_t protocol, net::Be16 port) {
  return protocol == net::kProtoUdp && (port.host() == 5350 || port.host() == 5351);
}

bool is_other(const LeaseWish& wish, net::Ip4 outside, net::Be16 port) {
  return wish.nothing_else && !(outside == wish.outside && port == wish.outside_port);
}

}  // namespace

uint32_t Core::find_binding(const LeaseWish& wish) const {
  return tables.find_binding_inside(wish.inside, wish.inside_port, wish.protocol,
                                    classifier.first_prefix(wish.instance));
}

bool Core::is_whole(const LeaseWish& wish) const {
  return whole_of_inside(wish.inside, classifier.first_prefix(wish.instance)) != nullptr;
}

LeaseAnswer Core::lease(const LeaseWish& wish) {
  const uint8_t prefix = classifier.first_prefix(wish.instance);
  if (const auto* whole = whole_of_inside(wish.inside, prefix)) {
    if (is_other(wish, whole->outside, wish.inside_port)) return LeaseRefusal::kOtherCell;
    return Leased{whole->outside, wish.inside_port, true};
  }
  const uint32_t found = find_binding(wish);
  const bool is_static = found != Index::kNone && tables.binding(found).is_static();
  const auto* access = instances_[wish.instance].access.get();
  if (!is_static && access != nullptr && access->denies_inside(Direction::k4To6, wish.inside)) {
    return LeaseRefusal::kDenied;
  }
  if (found == Index::kNone) return lease_new(wish, prefix);
  const Binding& b = tables.binding(found);
  if (is_other(wish, b.pool, b.pool_port)) return LeaseRefusal::kOtherCell;
  // Of one that is static the answer tells; of one that traffic made the ports are kept.
  const Leased leased{b.pool, b.pool_port, is_static};
  if (!is_static) tables.set_leased(found, true);
  return leased;
}

LeaseAnswer Core::lease_new(const LeaseWish& wish, uint8_t prefix) {
  uint32_t subscriber = tables.find_subscriber(wish.inside, wish.instance);
  switch (room_for_binding(subscriber, wish.protocol, limit_hit_)) {
    case DropReason::kNone: break;
    case DropReason::kSubscriberLimit: return LeaseRefusal::kLimit;
    default: return LeaseRefusal::kTableFull;
  }
  if (subscriber == Index::kNone) {
    if (tables.subscribers_full()) return LeaseRefusal::kTableFull;
    subscriber = tables.add_subscriber(wish.inside, wish.instance, Pools::kNone);
  }
  Lane lane{};
  lane.key.inside = wish.inside;
  lane.key.inside_port = wish.inside_port;
  lane.key.protocol = wish.protocol;
  lane.key.prefix = prefix;
  const Grant grant = choose_leased(lane, wish, subscriber);
  if (grant == Grant::kDone) {
    tables.add_binding(subscriber, lane.key, Binding::kLeased);
    return Leased{lane.key.pool, lane.key.pool_port, false};
  }
  tables.remove_unused_subscriber(subscriber);
  if (wish.nothing_else) return LeaseRefusal::kOtherCell;
  return grant == Grant::kLimit ? LeaseRefusal::kLimit : LeaseRefusal::kPoolFull;
}

// The suggested cell if it can be had; else any, unless nothing else will do.
Grant Core::choose_leased(Lane& lane, const LeaseWish& wish, uint32_t subscriber) {
  auto& key = lane.key;
  const PortWish port_wish{key.protocol, key.inside_port, subscriber,
                           tables.subscriber(subscriber).prefix};
  const uint32_t wished = pools.find(wish.outside);
  const uint32_t paired = tables.subscriber(subscriber).address;
  const bool fits = wish.outside_port.host() != 0 && pools.usable(wished, wish.instance) &&
                    (!pools.usable(paired, wish.instance) || paired == wished) &&
                    !pools.is_mapped(wished) && !is_pcp(key.protocol, wish.outside_port);
  if (fits && pools.take(wished, port_wish, wish.outside_port)) {
    return use_cell(key, subscriber, wished, wish.outside_port);
  }
  if (wish.nothing_else) return Grant::kFull;
  Grant grant = choose_cell(lane, wish.instance, subscriber);
  if (grant != Grant::kDone || !is_pcp(key.protocol, key.pool_port)) return grant;
  // One of the two ports that are PCP's own: it is kept until another is found.
  const SessionKey unfit = key;
  grant = choose_leased(
      lane, {wish.instance, wish.protocol, wish.inside, wish.inside_port, {}, {}, false},
      subscriber);
  pools.release(unfit.pool, unfit.protocol, unfit.pool_port);
  return grant;
}

void Core::end_lease(const LeaseWish& wish) {
  const uint32_t found = find_binding(wish);
  if (found != Index::kNone && tables.binding(found).is_leased()) tables.set_leased(found, false);
}

}  // namespace isthmus::nat
