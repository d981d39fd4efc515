// SPDX-License-Identifier: BSD-3-Clause
// hot path
// A binding for a new flow: limits, the subscriber, a pool address and port.
#include "nat/core.h"
#include "nat/state_events.h"

namespace isthmus::nat {

void Core::tell_refusal(DropReason reason, const SessionKey& key, uint8_t instance) {
  EventKind kind = EventKind::kSubscriberLimit;
  switch (reason) {
    case DropReason::kPoolExhausted: kind = EventKind::kPoolExhausted; break;
    case DropReason::kSessionLimit: kind = EventKind::kSessionTableFull; break;
    case DropReason::kBindingLimit: kind = EventKind::kBindingTableFull; break;
    case DropReason::kSubscriberTable: kind = EventKind::kSubscriberTableFull; break;
    case DropReason::kSubscriberRate:
    case DropReason::kSubscriberLimit: kind = EventKind::kSubscriberLimit; break;
    case DropReason::kSynDropped: kind = EventKind::kSynStoreFull; break;
    default: return;
  }
  if (!events.wants(kind)) return;
  const bool own = kind == EventKind::kSubscriberLimit;
  auto event = refusal_event(kind, key, instance, own ? limit_hit_ : LimitKind::kNone);
  event.subscriber_length = settings_.subscriber_prefix_length;
  events.tell_refusal(event);
}

DropReason Core::at_limit(LimitKind limit) {
  limit_hit_ = limit;
  return DropReason::kSubscriberLimit;
}

DropReason Core::room_for_session(uint32_t subscriber) {
  if (tables.sessions_full()) return DropReason::kSessionLimit;
  if (subscriber != Index::kNone && settings_.subscriber_sessions != 0 &&
      tables.subscriber(subscriber).sessions >= settings_.subscriber_sessions) {
    return at_limit(LimitKind::kSessions);
  }
  return DropReason::kNone;
}

// Nobody asks the inside host about a session that a packet from outside makes. So the last quarter
// of its sessions and the last eighth of the table are for what the inside opens (RFC 6146 5.3): a
// flood towards one binding does not shut the host up.
DropReason Core::room_from_outside(uint32_t subscriber) {
  if (tables.sessions_scarce()) return DropReason::kSessionLimit;
  const uint32_t most = settings_.subscriber_sessions;
  if (subscriber != Index::kNone && most != 0 &&
      tables.subscriber(subscriber).sessions >= most - most / 4) {
    return at_limit(LimitKind::kSessions);
  }
  return DropReason::kNone;
}

// RFC 6888 REQ-4: of all protocols together, and of each.
DropReason Core::room_for_binding(uint32_t subscriber, uint8_t protocol) {
  if (tables.bindings_full()) return DropReason::kBindingLimit;
  if (subscriber == Index::kNone) return DropReason::kNone;
  const Subscriber& s = tables.subscriber(subscriber);
  if (settings_.subscriber_bindings != 0 && s.all_bindings() >= settings_.subscriber_bindings) {
    return at_limit(LimitKind::kBindings);
  }
  const uint32_t limits[kBindingClasses] = {settings_.subscriber_tcp_bindings,
                                            settings_.subscriber_udp_bindings,
                                            settings_.subscriber_icmp_bindings};
  constexpr LimitKind kKinds[kBindingClasses] = {LimitKind::kTcpBindings, LimitKind::kUdpBindings,
                                                 LimitKind::kIcmpBindings};
  const unsigned at = binding_class(protocol);
  return limits[at] != 0 && s.bindings[at] >= limits[at] ? at_limit(kKinds[at]) : DropReason::kNone;
}

// A session that the inside opened; make_binding() has seen that there is a token for it.
void Core::count_opened(uint32_t subscriber, uint32_t now_ms) {
  const uint32_t rate = settings_.subscriber_sessions_per_second;
  if (rate != 0 && tables.has_token(subscriber, rate, now_ms)) tables.take_token(subscriber);
}

// The address is all the host's own, so each port stands for itself. With several prefixes the
// first that needs a port has it.
DropReason Core::choose_whole(const WholeAddress& whole, SessionKey& key, uint32_t& subscriber) {
  if (tables.find_binding_outside(whole.outside, key.inside_port, key.protocol) != Index::kNone) {
    return DropReason::kPoolExhausted;
  }
  if (subscriber == Index::kNone) {
    if (tables.subscribers_full()) return DropReason::kSubscriberTable;
    subscriber = tables.add_subscriber(key.inside, whole.instance, Pools::kNone);
  }
  key.pool = whole.outside;
  key.pool_port = key.inside_port;
  return DropReason::kNone;
}

// Finds lane.key's pool address and port, and the subscriber, made if new.
DropReason Core::choose_cell(Lane& lane, uint8_t instance, uint32_t& subscriber) {
  auto& key = lane.key;
  if (!wholes_.empty()) {
    if (const auto* whole = whole_of_inside(key.inside, key.prefix)) {
      return choose_whole(*whole, key, subscriber);
    }
  }
  // RFC 6146 3.5.2.2: a stored SYN from this very remote asks for simultaneous open. It only
  // succeeds if the inside host gets the cell that the SYN was sent to.
  uint32_t wish = HeldSyns::kNone;
  if (key.protocol == net::kProtoTcp && !held_.empty()) {
    wish = held_.find_by_remote(instance, key.remote, key.remote_port);
  }
  const uint32_t wished = wish == HeldSyns::kNone ? Pools::kNone : pools.find(held_.at(wish).pool);
  uint32_t address =
      subscriber == Index::kNone ? Pools::kNone : tables.subscriber(subscriber).address;
  if (address == Pools::kNone) {
    if (subscriber == Index::kNone && tables.subscribers_full()) {
      return DropReason::kSubscriberTable;
    }
    address = wished != Pools::kNone ? wished : pools.choose(instance, key.protocol, random_);
    if (address == Pools::kNone) return DropReason::kPoolExhausted;
  }
  const bool granted = wished == address && wished != Pools::kNone &&
                       pools.take(address, key.protocol, held_.at(wish).pool_port);
  if (granted) {
    key.pool_port = held_.at(wish).pool_port;
  } else if (!pools.allocate(address, key.protocol, key.inside_port, random_, key.pool_port)) {
    // RFC 7857 4: when the paired address has no port left, the session is refused.
    return DropReason::kPoolExhausted;
  }
  key.pool = pools.address(address);
  if (subscriber == Index::kNone) {
    subscriber = tables.add_subscriber(key.inside, instance, address);
  } else {
    tables.pair_subscriber(subscriber, address);
  }
  return DropReason::kNone;
}

// The binding of lane.key's inside, made if there is none.
DropReason Core::make_binding(Lane& lane, uint8_t instance, uint32_t now_ms, uint32_t& subscriber,
                              uint32_t& binding) {
  subscriber = tables.find_subscriber(lane.key.inside, instance);
  auto reason = room_for_session(subscriber);
  if (reason != DropReason::kNone) return reason;
  // Before a binding is made, which lives by its sessions only.
  const uint32_t rate = settings_.subscriber_sessions_per_second;
  if (rate != 0 && subscriber != Index::kNone && !tables.has_token(subscriber, rate, now_ms)) {
    limit_hit_ = LimitKind::kSessionRate;
    return DropReason::kSubscriberRate;
  }
  if (binding != Index::kNone) return DropReason::kNone;
  reason = room_for_binding(subscriber, lane.key.protocol);
  if (reason != DropReason::kNone) return reason;
  reason = choose_cell(lane, instance, subscriber);
  if (reason != DropReason::kNone) return reason;
  const bool whole = !wholes_.empty() && whole_of_outside(lane.key.pool) != nullptr;
  binding = tables.add_binding(subscriber, lane.key, whole ? Binding::kNoCell : uint16_t{0});
  return reason;
}

}  // namespace isthmus::nat
