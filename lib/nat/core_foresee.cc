// SPDX-License-Identifier: BSD-3-Clause
// What would become of a packet (nat/foresee.h). Each function is the shadow of the one that it is
// named after: where that one changes, this one has to.
#include "nat/foresee.h"

#include <algorithm>

#include "nat/core.h"

namespace isthmus::nat {

using Part = Foreseen::Part;

SessionInfo Core::info_of(const Session& s, uint32_t now_ms) const {
  SessionInfo out;
  out.inside = s.key.inside;
  out.inside_port = s.key.inside_port;
  out.outside = s.key.pool;
  out.outside_port = s.key.pool_port;
  out.remote = s.key.remote;
  out.remote_port = s.key.remote_port;
  out.protocol = s.key.protocol;
  out.instance = classifier.instance_of_prefix(s.key.prefix);
  out.state = s.state;
  out.idle_ms = now_ms - s.last_seen_ms;
  out.expires_in_ms = is_over(s, now_ms) ? 0 : deadline(s) - now_ms;
  out.packets_6to4 = s.packets[0];
  out.packets_4to6 = s.packets[1];
  out.bytes_6to4 = s.bytes(Direction::k6To4);
  out.bytes_4to6 = s.bytes(Direction::k4To6);
  return out;
}

template <Direction kDirection>
const Session* Core::dead_session(const Batch& batch, unsigned i, uint32_t now_ms) const {
  if (!is_simple(batch.view[i], batch.decision[i].cls)) return nullptr;
  const Session* s = session_of(kDirection, key_of<kDirection>(batch, i));
  return s != nullptr && is_dead(*s, now_ms) ? s : nullptr;
}

template <Direction kDirection>
void Core::end_dead_session(const Batch& batch, unsigned i, uint32_t now_ms) {
  const Session* s = dead_session<kDirection>(batch, i, now_ms);
  if (s == nullptr) return;
  events.set_time(now_ms);
  drop_session(tables.number_of(*s));
}

template <Direction kDirection>
void Core::foresee(Batch& batch, unsigned i, uint32_t now_ms, Foreseen& out) const {
  Decision& d = batch.decision[i];
  d.reason = DropReason::kNone;
  d.hairpin = false;
  d.has_delta = false;
  if (is_simple(batch.view[i], d.cls)) return foresee_flow<kDirection>(batch, i, now_ms, out);
  if (decide_alone<kDirection>(*batch.buf[i], batch.view[i], d)) return;
  out.is_fragment = true;
  d.verdict = Verdict::kConsumed;
}

// act(), and what belongs to it.
template <Direction kDirection>
void Core::foresee_flow(Batch& batch, unsigned i, uint32_t now_ms, Foreseen& out) const {
  const auto& view = batch.view[i];
  Decision& d = batch.decision[i];
  Lane lane;
  lane.key = key_of<kDirection>(batch, i);
  const Session* found = session_of(kDirection, lane.key);
  Session s{};
  if (found != nullptr) {
    s = *found;
    out.session = out.binding = Part::kFound;
    out.flow = info_of(s, now_ms);
    if (is_over(s, now_ms)) begin_closing(s);
    TimerClass timer;
    if (s.state == TcpState::kNone) {
      refresh<kDirection>(s, now_ms);
    } else if (step_tcp(s, tcp_event(kDirection, view.tcp_flags), timer)) {
      s.timer = timer_slot(s.timer / kTimerClasses, timer);
      s.last_seen_ms = now_ms;
    }
    out.lifetime_ms = deadline(s) - now_ms;
    out.after = s.state;
  } else {
    if constexpr (kDirection == Direction::k6To4) {
      foresee_6to4(view, lane, d, now_ms, out);
    } else {
      foresee_4to6(view, lane, d, out);
    }
    if (d.verdict != Verdict::kTranslate) return;
    s.key = lane.key;
    s.delta = session_delta(s.key, prefix_of(s.key)).raw();
    out.flow = info_of(s, now_ms);
    out.flow.idle_ms = out.flow.expires_in_ms = 0;
  }
  out.knows_flow = true;
  translate<kDirection>(s, batch, i, d);
  if (out.session == Part::kNone) d.has_delta = false;  // as miss() has it
}

void Core::foresee_6to4(const net::PacketView& view, Lane& lane, Decision& d, uint32_t now_ms,
                        Foreseen& out) const {
  const uint8_t instance = d.cls.instance;
  auto reason = allowed_6to4(lane, instance);
  if (reason != DropReason::kNone) return refuse(view, d, reason);
  auto& key = lane.key;
  const uint32_t binding =
      tables.find_binding_inside(key.inside, key.inside_port, key.protocol, key.prefix);
  const uint32_t subscriber = tables.find_subscriber(key.inside, instance);
  TcpStep step{TcpState::kNone, Refresh::kKeep};
  if (key.protocol == net::kProtoTcp) {
    step = tcp_step(TcpState::kClosed, tcp_event(Direction::k6To4, view.tcp_flags), {});
    if (step.next == TcpState::kClosed) {
      if (binding != Index::kNone) out.binding = Part::kFound;
      return stateless_6to4(binding, key, d);
    }
  }
  reason = foresee_binding(lane, instance, subscriber, binding, now_ms, out);
  if (reason != DropReason::kNone) {
    out.binding = Part::kNone;
    return answer_with(d, reason, net::kIcmp6Unreachable, 3);
  }
  if (step.next == TcpState::kV6Init && !held_.empty() &&
      held_.find(key.pool, key.pool_port, key.remote, key.remote_port) != HeldSyns::kNone) {
    step = {TcpState::kEstablished, Refresh::kEstablished};
  }
  out.session = Part::kNew;
  out.after = step.next;
  auto timer = query_timer(key, instance, true);
  if (step.next != TcpState::kNone) {
    timer = step.refresh == Refresh::kEstablished ? TimerClass::kTcpEstablished
                                                  : TimerClass::kTcpOpening;
  }
  out.lifetime_ms = lifetime_[timer_slot(instance, timer)].ms;
  d.verdict = Verdict::kTranslate;
}

void Core::foresee_4to6(const net::PacketView& view, Lane& lane, Decision& d, Foreseen& out) const {
  const uint8_t instance = d.cls.instance;
  auto& key = lane.key;
  const uint32_t binding = tables.find_binding_outside(key.pool, key.pool_port, key.protocol);
  const WholeAddress* whole =
      binding == Index::kNone && !wholes_.empty() ? whole_of_outside(key.pool) : nullptr;
  const bool bound = binding != Index::kNone || whole != nullptr;
  TcpStep step{TcpState::kNone, Refresh::kKeep};
  if (key.protocol == net::kProtoTcp) {
    step = tcp_step(TcpState::kClosed, tcp_event(Direction::k4To6, view.tcp_flags), {});
  }
  const bool syn = step.next == TcpState::kV4Init;
  if (!bound && (!syn || d.cls.shared)) return not_ours(d, DropReason::kNoBinding);
  const uint8_t prefix = !bound             ? prefix_for(key.remote, instance)
                         : whole != nullptr ? whole->prefix
                                            : tables.binding(binding).prefix;
  const net::Ip6* inside = !bound             ? nullptr
                           : whole != nullptr ? &whole->inside
                                              : &tables.binding(binding).inside;
  auto reason = allowed_4to6(key.remote, inside, prefix, instance);
  if (reason != DropReason::kNone) return refuse(view, d, reason);
  if (bound) out.binding = Part::kFound;
  const bool leased = binding != Index::kNone && tables.binding(binding).is_leased();
  const bool filters = !leased && tables.permits_ready() &&
                       instances_[instance].filtering == Filtering::kAddressDependent;
  if (syn && (!bound || filters)) {
    const bool repeated =
        held_.find(key.pool, key.pool_port, key.remote, key.remote_port) != HeldSyns::kNone;
    if (!repeated && held_.count() == held_.capacity()) return drop(d, DropReason::kSynDropped);
    d.verdict = Verdict::kConsumed;
    d.reason = DropReason::kSynHeld;
    return;
  }
  if (filters && !tables.permitted(key)) return drop(d, DropReason::kFiltered);
  key.inside = *inside;
  key.inside_port = whole != nullptr ? key.pool_port : tables.binding(binding).inside_port;
  key.prefix = prefix;
  d.verdict = Verdict::kTranslate;
  if (step.next == TcpState::kClosed) return;
  const uint32_t subscriber = tables.find_subscriber(key.inside, instance);
  reason = room_from_outside(subscriber, out.limit);
  if (reason == DropReason::kNone && whole != nullptr) {
    reason = room_for_binding(subscriber, key.protocol, out.limit);
    if (reason == DropReason::kNone && subscriber == Index::kNone && tables.subscribers_full()) {
      reason = DropReason::kSubscriberTable;
    }
    out.binding = Part::kNew;
  }
  if (reason != DropReason::kNone) return drop(d, reason);
  out.session = Part::kNew;
  out.after = step.next;
  const auto timer =
      step.next != TcpState::kNone ? TimerClass::kTcpOpening : query_timer(key, instance, false);
  out.lifetime_ms = lifetime_[timer_slot(instance, timer)].ms;
}

// make_binding(): sets the key's pool address and port.
DropReason Core::foresee_binding(Lane& lane, uint8_t instance, uint32_t subscriber,
                                 uint32_t binding, uint32_t now_ms, Foreseen& out) const {
  auto& key = lane.key;
  auto reason = room_for_session(subscriber, out.limit);
  if (reason != DropReason::kNone) return reason;
  const uint32_t rate = settings_.subscriber_sessions_per_second;
  if (rate != 0 && subscriber != Index::kNone &&
      !tables.would_have_token(subscriber, rate, now_ms)) {
    out.limit = LimitKind::kSessionRate;
    return DropReason::kSubscriberRate;
  }
  if (binding != Index::kNone) {
    key.pool = tables.binding(binding).pool;
    key.pool_port = tables.binding(binding).pool_port;
    out.binding = Part::kFound;
    return DropReason::kNone;
  }
  reason = room_for_binding(subscriber, key.protocol, out.limit);
  if (reason != DropReason::kNone) return reason;
  out.binding = Part::kNew;
  const bool no_subscriber = subscriber == Index::kNone && tables.subscribers_full();
  const bool portless = !net::has_ports(key.protocol);
  if (const auto* whole = wholes_.empty() ? nullptr : whole_of_inside(key.inside, key.prefix)) {
    key.pool = whole->outside;
    const bool taken = portless ? is_taken(key)
                                : tables.find_binding_outside(key.pool, key.inside_port,
                                                              key.protocol) != Index::kNone;
    key.pool_port = key.inside_port;
    if (taken) return DropReason::kPoolExhausted;
    return no_subscriber ? DropReason::kSubscriberTable : DropReason::kNone;
  }
  if (no_subscriber) return DropReason::kSubscriberTable;
  const auto grant = portless ? foresee_portless(key, instance, subscriber)
                              : foresee_cell(key, instance, subscriber);
  if (grant == Grant::kDone) return DropReason::kNone;
  if (grant == Grant::kFull) return DropReason::kPoolExhausted;
  out.limit = LimitKind::kPortBlocks;
  return DropReason::kSubscriberLimit;
}

uint32_t Core::foresee_named(const net::Ip6& inside, uint8_t instance) const {
  return pools.by_name(
      instance, net::hash_ip6(settings_.hash_key, tables.subscriber_prefix(inside), instance));
}

Grant Core::foresee_cell(SessionKey& key, uint8_t instance, uint32_t subscriber) const {
  Random random = random_;
  const PortWish wish{key.protocol, key.inside_port, subscriber};
  if (const auto* own = pools.deterministic(instance, key.inside)) {
    const auto grant = pools.foresee_own(*own, key.inside, wish, random, key.pool, key.pool_port);
    if (grant == Grant::kDone || !own->rules.overflow) return grant;
  }
  uint32_t address =
      subscriber == Index::kNone ? Pools::kNone : tables.subscriber(subscriber).address;
  if (!pools.usable(address, instance)) address = Pools::kNone;
  if (key.protocol == net::kProtoTcp && !held_.empty()) {
    const uint32_t held = held_.find_by_remote(instance, key.remote, key.remote_port);
    const uint32_t wished =
        held == HeldSyns::kNone ? Pools::kNone : pools.find(held_.at(held).pool);
    const bool fits = pools.usable(wished, instance) &&
                      (address == Pools::kNone || address == wished) && !pools.is_mapped(wished);
    if (fits && pools.can_take(wished, wish, held_.at(held).pool_port)) {
      key.pool = pools.address(wished);
      key.pool_port = held_.at(held).pool_port;
      return Grant::kDone;
    }
  }
  const auto try_at = [&](uint32_t at) {
    if (at == Pools::kNone) return Grant::kFull;
    const auto grant = pools.foresee(at, wish, random, key.pool_port);
    if (grant == Grant::kDone) key.pool = pools.address(at);
    return grant;
  };
  if (address == Pools::kNone && pairs_by_name(instance)) {
    const auto grant = try_at(foresee_named(key.inside, instance));
    if (grant == Grant::kDone) return grant;
  }
  if (address != Pools::kNone) {
    const auto grant = try_at(address);
    if (grant != Grant::kFull || !pools.pairs_softly(address)) return grant;
  }
  return try_at(pools.foresee_choice(instance, key.protocol, random));
}

Grant Core::foresee_portless(SessionKey& key, uint8_t instance, uint32_t subscriber) const {
  Random random = random_;
  const auto granted = [](bool yes) { return yes ? Grant::kDone : Grant::kFull; };
  if (const auto* own = pools.deterministic(instance, key.inside)) {
    const uint32_t address = pools.find(own->map->cells_of(key.inside).address);
    return granted(can_take_portless(key, instance, address));
  }
  uint32_t address =
      subscriber == Index::kNone ? Pools::kNone : tables.subscriber(subscriber).address;
  if (pools.usable(address, instance)) {
    if (can_take_portless(key, instance, address)) return Grant::kDone;
    if (!pools.pairs_softly(address)) return Grant::kFull;
  } else {
    address = pairs_by_name(instance) ? foresee_named(key.inside, instance)
                                      : pools.foresee_choice(instance, key.protocol, random);
    if (can_take_portless(key, instance, address)) return Grant::kDone;
  }
  const auto others = pools.open_addresses(instance);
  if (others.empty()) return Grant::kFull;
  auto at = random.below(static_cast<uint32_t>(others.size()));
  const auto tries = std::min<std::size_t>(others.size(), kMostTaken);
  for (std::size_t i = 0; i < tries; ++i, at = at + 1 == others.size() ? 0 : at + 1) {
    if (pools.is_mapped(others[at])) continue;
    if (can_take_portless(key, instance, others[at])) return Grant::kDone;
  }
  return Grant::kFull;
}

xlat::Outcome Core::foresee_apply(Batch& batch, unsigned i, const xlat::Path& path,
                                  uint32_t now_ms) {
  net::PacketBuf& buf = *batch.buf[i];
  const auto& view = batch.view[i];
  const Decision& d = batch.decision[i];
  const auto ids = ids_;
  const auto random = random_;
  xlat::Outcome out =
      d.verdict == Verdict::kAnswer ? answer(buf, view, d, path) : rewrite(buf, view, d, path);
  ids_ = ids;
  random_ = random;
  if (out.action == xlat::Action::kReply) {
    const auto errors = errors_;
    if (!allow_reply(buf, now_ms)) out = {xlat::Action::kDrop, DropReason::kIcmpRateLimit, 0};
    errors_ = errors;
  }
  return out;
}

template const Session* Core::dead_session<Direction::k6To4>(const Batch&, unsigned,
                                                             uint32_t) const;
template const Session* Core::dead_session<Direction::k4To6>(const Batch&, unsigned,
                                                             uint32_t) const;
template void Core::end_dead_session<Direction::k6To4>(const Batch&, unsigned, uint32_t);
template void Core::end_dead_session<Direction::k4To6>(const Batch&, unsigned, uint32_t);
template void Core::foresee<Direction::k6To4>(Batch&, unsigned, uint32_t, Foreseen&) const;
template void Core::foresee<Direction::k4To6>(Batch&, unsigned, uint32_t, Foreseen&) const;

}  // namespace isthmus::nat
