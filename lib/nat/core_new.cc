// SPDX-License-Identifier: BSD-3-Clause
// hot path
// A packet that belongs to no session: may it make one, or pass without?
#include "nat/core.h"

namespace isthmus::nat {

// RFC 4787 REQ-5 a: a shorter timer MAY belong to destination ports below 1024. What an inside host
// is sent from there, unasked, has the ordinary one.
TimerClass Core::query_timer(const SessionKey& key, uint8_t instance, bool outbound) const {
  if (!net::has_ports(key.protocol)) return TimerClass::kPortless;
  if (key.protocol != net::kProtoUdp) return TimerClass::kIcmp;
  const auto& state = instances_[instance];
  const unsigned port = key.remote_port.host();
  const bool is_short = outbound && state.has_short_ports && port < kWellKnownPorts &&
                        (state.short_ports[port / 64] >> port % 64 & 1) != 0;
  return is_short ? TimerClass::kUdpShort : TimerClass::kUdp;
}

net::ChecksumDelta session_delta(const SessionKey& key, const net::Prefix6052& prefix) {
  uint64_t six = net::sum_of(key.inside) + net::sum_of(key.inside_port);
  uint64_t four = net::sum_of(key.pool) + net::sum_of(key.pool_port);
  if (prefix.prefix().length == 96) {
    // The remote address is a part of both sums.
    six += net::sum_of(prefix.prefix().address);
  } else {
    six += net::sum_of(prefix.embed(key.remote));
    four += net::sum_of(key.remote);
  }
  return net::ChecksumDelta::between(six, four);
}

template <Direction kDirection>
uint32_t Core::open_session(uint32_t binding, uint32_t subscriber, const Lane& lane, TcpStep step,
                            uint32_t now_ms) {
  const Binding& b = tables.binding(binding);
  SessionKey key = lane.key;
  key.pool = b.pool;
  key.pool_port = b.pool_port;
  const auto delta = session_delta(key, prefix_of(key));
  const uint64_t inside =
      kDirection == Direction::k6To4 ? lane.hash : tables.hash(Direction::k6To4, key);
  const uint32_t i = tables.add_session(key, inside, binding, subscriber, delta.raw());
  Session& s = tables.session(i);
  const uint8_t instance = classifier.instance_of_prefix(b.prefix);
  s.last_seen_ms = now_ms;
  s.state = step.next;
  auto timer = query_timer(key, instance, kDirection == Direction::k6To4);
  if (step.next != TcpState::kNone) {
    timer = step.refresh == Refresh::kEstablished ? TimerClass::kTcpEstablished
                                                  : TimerClass::kTcpOpening;
  }
  s.timer = timer_slot(instance, timer);
  tables.wheel().file(i, deadline(s));
  return i;
}

template uint32_t Core::open_session<Direction::k6To4>(uint32_t, uint32_t, const Lane&, TcpStep,
                                                       uint32_t);

// A segment that opens nothing; key.pool and key.pool_port are still missing.
void Core::stateless_6to4(uint32_t binding, SessionKey& key, Decision& d) const {
  const WholeAddress* whole = nullptr;
  if (binding != Index::kNone) {
    key.pool = tables.binding(binding).pool;
    key.pool_port = tables.binding(binding).pool_port;
  } else if (!wholes_.empty() && (whole = whole_of_inside(key.inside, key.prefix)) != nullptr) {
    key.pool = whole->outside;
    key.pool_port = key.inside_port;
  } else {
    return drop(d, DropReason::kNoSession);
  }
  d.verdict = Verdict::kTranslate;
}

void Core::miss_6to4(const net::PacketView& view, Lane& lane, Decision& d, uint32_t now_ms) {
  const uint8_t instance = d.cls.instance;
  lane.candidate = Index::kNone;
  auto reason = allowed_6to4(lane, instance);
  if (reason != DropReason::kNone) return refuse(view, d, reason);
  auto& key = lane.key;
  name(lane, instance);
  uint32_t binding = tables.find_binding_inside(key, lane.flow.binding);
  TcpStep step{TcpState::kNone, Refresh::kKeep};
  if (key.protocol == net::kProtoTcp) {
    step = tcp_step(TcpState::kClosed, tcp_event(Direction::k6To4, view.tcp_flags), {});
    if (step.next == TcpState::kClosed) {
      // RFC 6146 3.5.2.2, CLOSED: without a binding silently discarded; with one it SHOULD be
      // forwarded, and makes no state.
      return stateless_6to4(binding, key, d);
    }
  }
  uint32_t subscriber;
  reason = lane.refused;
  if (reason == DropReason::kNone) {
    reason = make_binding(lane, instance, now_ms, subscriber, binding);
  }
  if (reason != DropReason::kNone) {
    tell_refusal(reason, key, instance);
    // RFC 6146 3.5.1.1: no transport address or no resources: SHOULD answer Address Unreachable.
    return answer_with(d, reason, net::kIcmp6Unreachable, 3);
  }
  if (step.next == TcpState::kV6Init && !held_.empty()) {
    // RFC 6146 3.5.2.2, V4 INIT: the inside opened in time; RFC 5382 REQ-4: the stored SYN is
    // dropped silently.
    const Binding& b = tables.binding(binding);
    const uint32_t held = held_.find(b.pool, b.pool_port, key.remote, key.remote_port);
    if (held != HeldSyns::kNone) {
      held_.forget(held);
      step = {TcpState::kEstablished, Refresh::kEstablished};
    }
  }
  count_opened(subscriber, now_ms);
  lane.candidate = open_session<Direction::k6To4>(binding, subscriber, lane, step, now_ms);
  d.verdict = Verdict::kTranslate;
}

// No binding says under which prefix the inside would see `remote`: one that may carry it, if any.
uint8_t Core::prefix_for(net::Ip4 remote, uint8_t instance) const {
  const uint8_t first = classifier.first_prefix(instance);
  for (uint8_t prefix = first; prefix < classifier.end_prefix(instance); ++prefix) {
    if (may_carry(classifier.stateful_prefix(prefix), instance, remote)) return prefix;
  }
  return first;
}

void Core::miss_4to6(const net::PacketBuf& buf, const net::PacketView& view, Lane& lane,
                     Decision& d, uint32_t now_ms) {
  const uint8_t instance = d.cls.instance;
  lane.candidate = Index::kNone;
  auto& key = lane.key;
  uint32_t binding = tables.find_binding_outside(key.pool, key.pool_port, key.protocol);
  const WholeAddress* whole =
      binding == Index::kNone && !wholes_.empty() ? whole_of_outside(key.pool) : nullptr;
  const bool bound = binding != Index::kNone || whole != nullptr;
  const bool tcp = key.protocol == net::kProtoTcp;
  TcpStep step{TcpState::kNone, Refresh::kKeep};
  if (tcp) step = tcp_step(TcpState::kClosed, tcp_event(Direction::k4To6, view.tcp_flags), {});
  const bool syn = step.next == TcpState::kV4Init;
  if (!bound && (!syn || d.cls.shared)) return not_ours(d, DropReason::kNoBinding);
  const uint8_t prefix = !bound             ? prefix_for(key.remote, instance)
                         : whole != nullptr ? whole->prefix
                                            : tables.binding(binding).prefix;
  const net::Ip6* inside = !bound             ? nullptr
                           : whole != nullptr ? &whole->inside
                                              : &tables.binding(binding).inside;
  auto reason = allowed_4to6(lane.key.remote, inside, prefix, instance);
  if (reason != DropReason::kNone) return refuse(view, d, reason);
  // RFC 6887 11: who has asked for a mapping wants to hear from everybody.
  const bool leased = binding != Index::kNone && tables.binding(binding).is_leased();
  const bool filters = !leased && tables.permits_ready() &&
                       instances_[instance].filtering == Filtering::kAddressDependent;
  if (syn && (!bound || filters)) return hold_syn(buf, lane, d, now_ms);
  // RFC 6146 3.5.1: address-dependent filtering lets in only who was sent to.
  if (filters && !tables.permitted(key)) return drop(d, DropReason::kFiltered);
  key.inside = whole != nullptr ? whole->inside : tables.binding(binding).inside;
  key.inside_port = whole != nullptr ? key.pool_port : tables.binding(binding).inside_port;
  key.prefix = prefix;
  if (step.next == TcpState::kClosed) {
    d.verdict = Verdict::kTranslate;
    return;
  }
  uint32_t subscriber = tables.find_subscriber(key.inside, instance);
  reason = room_from_outside(subscriber, limit_hit_);
  if (reason == DropReason::kNone && whole != nullptr) {
    reason = room_for_binding(subscriber, key.protocol, limit_hit_);
    if (reason == DropReason::kNone) reason = choose_whole(*whole, key, subscriber);
    if (reason == DropReason::kNone) {
      binding = tables.add_binding(subscriber, key, whole_flags(key.protocol));
    }
  }
  if (reason != DropReason::kNone) {
    tell_refusal(reason, key, instance);
    return drop(d, reason);
  }
  if (syn && !held_.empty()) {
    // It was stored when there was no binding; now it can pass, and nobody is owed an error.
    const uint32_t held = held_.find(key.pool, key.pool_port, key.remote, key.remote_port);
    if (held != HeldSyns::kNone) held_.forget(held);
  }
  lane.candidate = open_session<Direction::k4To6>(binding, subscriber, lane, step, now_ms);
  d.verdict = Verdict::kTranslate;
}

// RFC 6146 3.5.2.2, CLOSED: store the SYN, forward nothing, answer nothing for six seconds.
void Core::hold_syn(const net::PacketBuf& buf, const Lane& lane, Decision& d, uint32_t now_ms) {
  const auto& key = lane.key;
  const bool repeated =
      held_.find(key.pool, key.pool_port, key.remote, key.remote_port) != HeldSyns::kNone;
  // A repeated SYN neither prolongs the wait nor is stored twice.
  if (!repeated && !held_.hold(d.cls.instance, key, buf, now_ms)) {
    tell_refusal(DropReason::kSynDropped, key, d.cls.instance);
    return drop(d, DropReason::kSynDropped);
  }
  d.verdict = Verdict::kConsumed;
  d.reason = DropReason::kSynHeld;
}

}  // namespace isthmus::nat
