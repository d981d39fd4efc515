// SPDX-License-Identifier: BSD-3-Clause
// hot path
// A binding for a new flow: limits, the subscriber, a pool address and port.
#include <algorithm>

#include "nat/core.h"
#include "nat/state_events.h"
#include "net/address_tests.h"

namespace isthmus::nat {
namespace {

// Whose ports ran out: the address that the host is tied to, or none if any would have done
// (RFC 8158 4.6.5, 4.6.6).
net::Ip4 exhausted_address(const Pools& pools, const Tables& tables, const net::Ip6& inside,
                           uint8_t instance) {
  if (const auto* own = pools.deterministic(instance, inside)) {
    return own->rules.overflow ? net::Ip4{} : own->map->cells_of(inside).address;
  }
  const uint32_t subscriber = tables.find_subscriber(inside, instance);
  if (subscriber == Index::kNone) return {};
  const uint32_t address = tables.subscriber(subscriber).address;
  const bool tied = pools.usable(address, instance) && !pools.pairs_softly(address);
  return tied ? pools.address(address) : net::Ip4{};
}

DropReason at_limit(LimitKind limit, LimitKind& hit) {
  hit = limit;
  return DropReason::kSubscriberLimit;
}

}  // namespace

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
  if (!events.wants(kind) || !events.count_refusal(kind)) return;
  const bool own = kind == EventKind::kSubscriberLimit;
  auto event = refusal_event(kind, key, instance, own ? limit_hit_ : LimitKind::kNone);
  event.subscriber_length = settings_.subscriber_prefix_length;
  if (kind == EventKind::kPoolExhausted && event.outside == net::Ip4{}) {
    event.outside = exhausted_address(pools, tables, key.inside, instance);
  }
  events.tell_refusal(event);
}

DropReason Core::room_for_session(uint32_t subscriber, LimitKind& hit) const {
  if (tables.sessions_full()) return DropReason::kSessionLimit;
  if (subscriber != Index::kNone && settings_.subscriber_sessions != 0 &&
      tables.subscriber(subscriber).sessions >= settings_.subscriber_sessions) {
    return at_limit(LimitKind::kSessions, hit);
  }
  return DropReason::kNone;
}

// Nobody asks the inside host about a session that a packet from outside makes. So the last quarter
// of its sessions and the last eighth of the table are for what the inside opens (RFC 6146 5.3): a
// flood towards one binding does not shut the host up.
DropReason Core::room_from_outside(uint32_t subscriber, LimitKind& hit) const {
  if (tables.sessions_scarce()) return DropReason::kSessionLimit;
  const uint32_t most = settings_.subscriber_sessions;
  if (subscriber != Index::kNone && most != 0 &&
      tables.subscriber(subscriber).sessions >= most - most / 4) {
    return at_limit(LimitKind::kSessions, hit);
  }
  return DropReason::kNone;
}

// RFC 6888 REQ-4: of all protocols together, and of each.
DropReason Core::room_for_binding(uint32_t subscriber, uint8_t protocol, LimitKind& hit) const {
  if (tables.bindings_full()) return DropReason::kBindingLimit;
  if (subscriber == Index::kNone) return DropReason::kNone;
  const Subscriber& s = tables.subscriber(subscriber);
  if (settings_.subscriber_bindings != 0 && s.all_bindings() >= settings_.subscriber_bindings) {
    return at_limit(LimitKind::kBindings, hit);
  }
  constexpr LimitKind kKinds[kBindingClasses] = {LimitKind::kTcpBindings, LimitKind::kUdpBindings,
                                                 LimitKind::kIcmpBindings};
  const unsigned at = binding_class(protocol);
  const uint32_t limit = at == 0   ? settings_.subscriber_tcp_bindings
                         : at == 1 ? settings_.subscriber_udp_bindings
                                   : settings_.subscriber_icmp_bindings;
  return limit != 0 && s.bindings[at] >= limit ? at_limit(kKinds[at], hit) : DropReason::kNone;
}

// A session that the inside opened; make_binding() has seen that there is a token for it.
void Core::count_opened(uint32_t subscriber, uint32_t now_ms) {
  const uint32_t rate = settings_.subscriber_sessions_per_second;
  if (rate != 0 && tables.has_token(subscriber, rate, now_ms)) tables.take_token(subscriber);
}

// The address is all the host's own, so each port stands for itself. With several prefixes the
// first that needs a port has it.
DropReason Core::choose_whole(const WholeAddress& whole, SessionKey& key, uint32_t& subscriber) {
  key.pool = whole.outside;
  const bool taken = net::has_ports(key.protocol)
                         ? tables.find_binding_outside(whole.outside, key.inside_port,
                                                       key.protocol) != Index::kNone
                         : is_taken(key);
  if (taken) return DropReason::kPoolExhausted;
  if (subscriber == Index::kNone) {
    if (tables.subscribers_full()) return DropReason::kSubscriberTable;
    subscriber = tables.add_subscriber(key.inside, whole.instance, Pools::kNone);
  }
  key.pool_port = key.inside_port;
  return DropReason::kNone;
}

// Finds lane.key's pool address and port.
Grant Core::choose_cell(Lane& lane, uint8_t instance, uint32_t subscriber) {
  auto& key = lane.key;
  const PortWish wish{key.protocol, key.inside_port, subscriber,
                      tables.subscriber(subscriber).prefix};
  if (const auto* own = pools.deterministic(instance, key.inside)) {
    const auto grant = pools.allocate_own(*own, key.inside, wish, random_, key.pool, key.pool_port);
    // RFC 7422 2, step e: beyond its own ports a subscriber may get some of another pool.
    if (grant == Grant::kDone || !own->rules.overflow) return grant;
  }
  uint32_t address = tables.subscriber(subscriber).address;
  // A subscriber whose address takes no new bindings any more is paired anew.
  if (!pools.usable(address, instance)) address = Pools::kNone;
  // RFC 6146 3.5.2.2: a stored SYN from this very remote asks for simultaneous open. It only
  // succeeds if the inside host gets the cell that the SYN was sent to.
  if (key.protocol == net::kProtoTcp && !held_.empty()) {
    const uint32_t held = held_.find_by_remote(instance, key.remote, key.remote_port);
    const uint32_t wished =
        held == HeldSyns::kNone ? Pools::kNone : pools.find(held_.at(held).pool);
    const bool fits = pools.usable(wished, instance) &&
                      (address == Pools::kNone || address == wished) && !pools.is_mapped(wished);
    if (fits && pools.take(wished, wish, held_.at(held).pool_port)) {
      return use_cell(key, subscriber, wished, held_.at(held).pool_port);
    }
  }
  auto grant = Grant::kFull;
  if (address == Pools::kNone && pairs_by_name(instance)) {
    uint32_t named = named_address(instance, subscriber);
    if (named != Pools::kNone) grant = pools.allocate(named, wish, random_, key.pool_port);
    if (grant == Grant::kDone) return use_cell(key, subscriber, named, key.pool_port);
  }
  if (address != Pools::kNone) {
    grant = pools.allocate(address, wish, random_, key.pool_port);
    if (grant == Grant::kDone) {
      key.pool = pools.address(address);  // it stays paired
      return grant;
    }
    // RFC 7857 4: when the paired address has no port left, the session is refused; or it gets one
    // of another address, where the operator prefers that.
    if (grant == Grant::kLimit || !pools.pairs_softly(address)) return grant;
  }
  address = pools.choose(instance, key.protocol, random_);
  if (address == Pools::kNone) return Grant::kFull;
  grant = pools.allocate(address, wish, random_, key.pool_port);
  return grant == Grant::kDone ? use_cell(key, subscriber, address, key.pool_port) : grant;
}

Grant Core::use_cell(SessionKey& key, uint32_t subscriber, uint32_t address, net::Be16 port) {
  key.pool = pools.address(address);
  key.pool_port = port;
  const uint32_t paired = tables.subscriber(subscriber).address;
  const uint8_t instance = tables.subscriber(subscriber).instance;
  if (!pools.usable(paired, instance)) tables.set_subscriber_address(subscriber, address);
  return Grant::kDone;
}

// The binding of lane.key's inside, made if there is none.
DropReason Core::make_binding(Lane& lane, uint8_t instance, uint32_t now_ms, uint32_t& subscriber,
                              uint32_t& binding) {
  subscriber = tables.find_subscriber(lane.key.inside, instance, lane.flow.subscriber);
  auto reason = room_for_session(subscriber, limit_hit_);
  if (reason != DropReason::kNone) return reason;
  // Before a binding is made, which lives by its sessions only.
  const uint32_t rate = settings_.subscriber_sessions_per_second;
  if (rate != 0 && subscriber != Index::kNone && !tables.has_token(subscriber, rate, now_ms)) {
    limit_hit_ = LimitKind::kSessionRate;
    return DropReason::kSubscriberRate;
  }
  if (binding != Index::kNone) return DropReason::kNone;
  reason = room_for_binding(subscriber, lane.key.protocol, limit_hit_);
  if (reason != DropReason::kNone) return reason;
  if (!wholes_.empty()) {
    if (const auto* whole = whole_of_inside(lane.key.inside, lane.key.prefix)) {
      reason = choose_whole(*whole, lane.key, subscriber);
      if (reason != DropReason::kNone) return reason;
      binding = tables.add_binding(subscriber, lane.key, lane.flow.binding,
                                   whole_flags(lane.key.protocol));
      return reason;
    }
  }
  if (subscriber == Index::kNone) {
    if (tables.subscribers_full()) return DropReason::kSubscriberTable;
    subscriber = tables.add_subscriber(lane.key.inside, instance, Pools::kNone);
  }
  const bool portless = !net::has_ports(lane.key.protocol);
  const auto grant = portless ? choose_portless(lane.key, instance, subscriber)
                              : choose_cell(lane, instance, subscriber);
  if (grant != Grant::kDone) {
    tables.remove_unused_subscriber(subscriber);
    return grant == Grant::kLimit ? at_limit(LimitKind::kPortBlocks, limit_hit_)
                                  : DropReason::kPoolExhausted;
  }
  // Without ports it stands for one remote only: other flows do not find it.
  binding = tables.add_binding(subscriber, lane.key, lane.flow.binding,
                               portless ? Binding::kDetached : uint16_t{0});
  return DropReason::kNone;
}

// Cursors count session records first, then binding records, pool addresses last.
Translator::DumpResult Core::end_leaving(uint64_t cursor, unsigned scan,
                                         std::span<const steer::AddressRange> leaving) {
  const auto leaves = [&](net::Ip4 address) {
    return std::any_of(leaving.begin(), leaving.end(),
                       [&](const auto& range) { return net::contains(range, address); });
  };
  Translator::DumpResult result;
  const uint64_t end = tables.session_end();
  const uint64_t stop = std::min<uint64_t>(end, cursor + scan);
  for (; cursor < stop; ++cursor) {
    const auto i = static_cast<uint32_t>(cursor);
    if (!tables.session(i).live() || !leaves(tables.session(i).key.pool)) continue;
    drop_session(i);
    counters_.add(telemetry::Counter::kSessionsPoolRemoved);
    ++result.count;
  }
  // A lease (RFC 6887) keeps a binding without sessions; not one whose address goes.
  const uint64_t bindings_end = end + tables.binding_end();
  const uint64_t bindings_stop = std::min(bindings_end, stop == end ? cursor + scan : cursor);
  for (; cursor < bindings_stop; ++cursor) {
    const auto i = static_cast<uint32_t>(cursor - end);
    const Binding& b = tables.binding(i);
    if (b.live() && b.is_leased() && leaves(b.pool)) tables.set_leased(i, false);
  }
  result.next_cursor = cursor;
  if (cursor < bindings_end) return result;
  // Sessions that ended meanwhile left their blocks to rest; those go back now.
  const uint64_t next = pools.sweep_closed(cursor - bindings_end, scan, [&](uint32_t subscriber) {
    tables.remove_unused_subscriber(subscriber);
  });
  result.next_cursor = next == 0 ? 0 : bindings_end + next;
  return result;
}

}  // namespace isthmus::nat
