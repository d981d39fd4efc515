// SPDX-License-Identifier: BSD-3-Clause
// hot path
#include "nat/tables.h"

#include <algorithm>

#include "nat/records.h"
#include "nat/state_events.h"

namespace isthmus::nat {

using telemetry::Counter;

std::size_t Tables::need(const Settings& s) {
  return Arena::need<Session>(s.max_sessions) + 2 * Index::need(s.max_sessions) +
         Wheel::need(s.max_sessions) + Arena::need<Binding>(s.max_bindings) +
         2 * Index::need(s.max_bindings) + Arena::need<Subscriber>(s.max_subscribers) +
         Index::need(s.max_subscribers);
}

bool Tables::init(Arena& arena, const Settings& s) {
  session_capacity_ = s.max_sessions;
  binding_capacity_ = s.max_bindings;
  subscriber_capacity_ = s.max_subscribers;
  subscriber_length_ = s.subscriber_prefix_length;
  net::Ip6 ones;
  ones.bytes.fill(0xff);
  const auto mask = net::prefix_of(ones, s.subscriber_prefix_length).address;
  subscriber_mask_[0] = mask.raw_high();
  subscriber_mask_[1] = mask.raw_low();
  sessions_ = arena.take<Session>(session_capacity_);
  bindings_ = arena.take<Binding>(binding_capacity_);
  subscribers_ = arena.take<Subscriber>(subscriber_capacity_);
  return sessions_ != nullptr && bindings_ != nullptr && subscribers_ != nullptr &&
         by_inside_.init(arena, session_capacity_) && by_outside_.init(arena, session_capacity_) &&
         bindings_by_inside_.init(arena, binding_capacity_) &&
         bindings_by_outside_.init(arena, binding_capacity_) &&
         by_prefix_.init(arena, subscriber_capacity_) && wheel_.init(arena, session_capacity_);
}

uint32_t Tables::add_session(const SessionKey& key, uint64_t inside, uint32_t binding,
                             uint32_t subscriber, uint16_t delta) {
  const uint32_t i = take_record(sessions_, free_session_, sessions_used_,
                                 [](const Session& s) { return s.binding; });
  Session& s = sessions_[i];
  s = Session{};
  s.key = key;
  s.binding = binding;
  s.delta = delta;
  by_inside_.insert(inside, i);
  by_outside_.insert(hash_outside(key_, key), i);
  if (i < permit_cursor_) permit(s.key);
  ++bindings_[binding].sessions;
  ++subscribers_[subscriber].sessions;
  ++session_count_;
  counters_.add(Counter::kSessionsCreated);
  if (events_.wants(EventKind::kSessionCreated)) tell(EventKind::kSessionCreated, s);
  return i;
}

void Tables::remove_session(uint32_t i, const EndHashes& hashes) {
  Session& s = sessions_[i];
  if (events_.wants(EventKind::kSessionDeleted)) tell(EventKind::kSessionDeleted, s);
  by_inside_.erase(hashes.inside, i);
  by_outside_.erase(hashes.outside, i);
  if (i < permit_cursor_) revoke(s.key);
  const uint32_t binding = s.binding;
  s.key.protocol = 0;
  s.binding = free_session_;
  free_session_ = i;
  --session_count_;
  counters_.add(Counter::kSessionsDeleted);
  Binding& b = bindings_[binding];
  --b.sessions;
  const uint32_t subscriber =
      find_subscriber(b.inside, static_cast<uint8_t>(b.flags >> 8), hashes.subscriber);
  --subscribers_[subscriber].sessions;
  // RFC 6146 3.1: a dynamic entry goes with its last session, a static one stays.
  if (b.sessions == 0 && !b.stays()) {
    remove_binding(binding, subscriber, hashes);
    remove_unused_subscriber(subscriber);
  }
}

uint32_t Tables::find_binding_outside(net::Ip4 pool, net::Be16 port, uint8_t protocol) const {
  return bindings_by_outside_.find(
      hash_binding_outside(key_, pool, port, protocol), [&](uint32_t i) {
        const Binding& b = bindings_[i];
        return b.pool == pool && b.pool_port == port && b.protocol == protocol;
      });
}

uint32_t Tables::add_binding(uint32_t subscriber, const SessionKey& key, uint64_t hash,
                             uint16_t flags) {
  const uint32_t i = take_record(bindings_, free_binding_, bindings_used_,
                                 [](const Binding& b) { return b.sessions; });
  Binding& b = bindings_[i];
  const uint8_t instance = subscribers_[subscriber].instance;
  b = {key.inside,
       key.inside_port,
       key.protocol,
       key.prefix,
       key.pool,
       key.pool_port,
       static_cast<uint16_t>(instance << 8 | flags),
       0};
  if ((flags & Binding::kDetached) == 0) {
    bindings_by_inside_.insert(hash, i);
    bindings_by_outside_.insert(hash_binding_outside(key_, b.pool, b.pool_port, b.protocol), i);
  }
  ++subscribers_[subscriber].bindings[binding_class(b.protocol)];
  ++binding_count_;
  counters_.add(Counter::kBindingsCreated);
  if (events_.wants(EventKind::kBindingCreated)) tell(EventKind::kBindingCreated, b);
  return i;
}

void Tables::tell(EventKind kind, const Session& s) {
  const auto instance = static_cast<uint8_t>(bindings_[s.binding].flags >> 8);
  events_.tell(session_event(kind, s, instance, pools_.pool_of(s.key.pool)));
}

void Tables::tell(EventKind kind, const Binding& b) {
  events_.tell(binding_event(kind, b, pools_.pool_of(b.pool)));
}

void Tables::remove_binding(uint32_t i, uint32_t subscriber, const EndHashes& hashes) {
  Binding& b = bindings_[i];
  if (events_.wants(EventKind::kBindingDeleted)) tell(EventKind::kBindingDeleted, b);
  detach(i, hashes);
  if ((b.flags & Binding::kNoCell) == 0) pools_.release(b.pool, b.protocol, b.pool_port);
  --subscribers_[subscriber].bindings[binding_class(b.protocol)];
  b.protocol = 0;
  b.sessions = free_binding_;
  free_binding_ = i;
  --binding_count_;
  counters_.add(Counter::kBindingsDeleted);
}

void Tables::detach(uint32_t i, const EndHashes& hashes) {
  Binding& b = bindings_[i];
  if ((b.flags & Binding::kDetached) != 0) return;
  b.flags |= Binding::kDetached;
  bindings_by_inside_.erase(hashes.binding_inside, i);
  bindings_by_outside_.erase(hashes.binding_outside, i);
}

void Tables::retire_binding(uint32_t i) {
  Binding& b = bindings_[i];
  EndHashes hashes;
  name_end(b, hashes);
  detach(i, hashes);
  b.flags = static_cast<uint16_t>(b.flags & ~Binding::kStatic);
  remove_unused_binding(i);
}

void Tables::set_leased(uint32_t i, bool leased) {
  Binding& b = bindings_[i];
  b.flags =
      static_cast<uint16_t>(leased ? b.flags | Binding::kLeased : b.flags & ~Binding::kLeased);
  remove_unused_binding(i);
}

void Tables::remove_unused_binding(uint32_t i) {
  const Binding& b = bindings_[i];
  if (b.sessions != 0 || b.stays()) return;
  EndHashes hashes;
  name_end(b, hashes);
  const uint32_t subscriber =
      find_subscriber(b.inside, static_cast<uint8_t>(b.flags >> 8), hashes.subscriber);
  remove_binding(i, subscriber, hashes);
  remove_unused_subscriber(subscriber);
}

uint32_t Tables::add_subscriber(const net::Ip6& inside, uint8_t instance, uint32_t address) {
  const uint32_t i = take_record(subscribers_, free_subscriber_, subscribers_used_,
                                 [](const Subscriber& s) { return s.address; });
  Subscriber& s = subscribers_[i];
  s = {};
  s.prefix = subscriber_prefix(inside);
  s.address = address;
  s.tokens = UINT32_MAX;  // has_token() cuts it to the burst
  s.instance = instance;
  s.live = 1;
  by_prefix_.insert(hash_subscriber(s.prefix, instance), i);
  ++subscriber_count_;
  return i;
}

void Tables::remove_unused_subscriber(uint32_t i) {
  Subscriber& s = subscribers_[i];
  if (s.all_bindings() != 0 || s.live == 0 || pools_.holds_blocks(i)) return;
  by_prefix_.erase(hash_subscriber(s.prefix, s.instance), i);
  s.live = 0;
  s.address = free_subscriber_;
  free_subscriber_ = i;
  --subscriber_count_;
}

uint32_t Tables::tokens_of(const Subscriber& s, uint32_t per_second, uint32_t now_ms) {
  const uint64_t earned = uint64_t{now_ms - s.refilled_ms} * per_second;
  return static_cast<uint32_t>(
      std::min<uint64_t>(s.tokens + earned, uint64_t{per_second} * kToken));
}

bool Tables::has_token(uint32_t i, uint32_t per_second, uint32_t now_ms) {
  Subscriber& s = subscribers_[i];
  s.tokens = tokens_of(s, per_second, now_ms);
  s.refilled_ms = now_ms;
  return s.tokens >= kToken;
}

TableInfo Tables::info() const {
  return {session_count_,
          session_capacity_,
          binding_count_,
          binding_capacity_,
          subscriber_count_,
          subscriber_capacity_,
          0};
}

}  // namespace isthmus::nat
