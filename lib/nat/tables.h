// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Sessions, bindings and subscribers of one worker, and how one record's life depends on another's.
//
// Theory of operation. Records lie in arrays and are known by their number; indexes find them by
// name. A session belongs to a binding, a binding to a subscriber. The last session of a dynamic
// binding takes the binding along (RFC 6146 3.1), the last binding its subscriber, so nothing here
// outlives its use. Record numbers of ended records are used again first, so that a table touches
// no more memory than its peak needed.
#pragma once

#include <cstdint>

#include "nat/arena.h"
#include "nat/events.h"
#include "nat/index.h"
#include "nat/late_index.h"
#include "nat/pools.h"
#include "nat/session.h"
#include "nat/settings.h"
#include "nat/wheel.h"
#include "telemetry/counters.h"

namespace isthmus::nat {

class Tables {
 public:
  static constexpr uint32_t kNone = Index::kNone;

  Tables(const Settings& settings, Pools& pools, Events& events, telemetry::Counters& counters)
      : pools_(pools), events_(events), counters_(counters), key_(settings.hash_key) {}

  static std::size_t need(const Settings& settings);
  bool init(Arena& arena, const Settings& settings);

  // --- sessions ----------------------------------------------------------------------------------
  Session& session(uint32_t i) { return sessions_[i]; }
  const Session& session(uint32_t i) const { return sessions_[i]; }
  uint32_t number_of(const Session& s) const { return static_cast<uint32_t>(&s - sessions_); }
  uint32_t session_end() const { return sessions_used_; }  ///< records beyond were never used
  bool sessions_full() const { return session_count_ == session_capacity_; }
  /// What is left is for sessions that the inside opens.
  bool sessions_scarce() const {
    return session_count_ >= session_capacity_ - session_capacity_ / 8;
  }

  const net::HashKey& hash_key() const { return key_; }
  uint64_t hash(Direction direction, const SessionKey::Words& key) const {
    return direction == Direction::k6To4 ? hash_inside(key_, key) : hash_outside(key_, key);
  }
  uint64_t hash(Direction direction, const SessionKey& key) const {
    return hash(direction, key.words());
  }
  const Index& index(Direction direction) const {
    return direction == Direction::k6To4 ? by_inside_ : by_outside_.index();
  }
  uint32_t find_session(Direction direction, uint64_t hash, const SessionKey& key) const {
    return direction == Direction::k6To4
               ? by_inside_.find(hash,
                                 [&](uint32_t i) { return same_inside(sessions_[i].key, key); })
               : by_outside_.find(hash,
                                  [&](uint32_t i) { return same_outside(sessions_[i].key, key); });
  }

  // --- new flows, and ends, several at a time
  /// Between the two, what new flows add to the outside indexes may come late (nat/late_index.h).
  void begin_burst() {
    by_outside_.begin_burst();
    bindings_by_outside_.begin_burst();
  }
  void end_burst() {
    by_outside_.end_burst();
    bindings_by_outside_.end_burst();
  }
  /// Reckons `binding` and `subscriber` of a flow, and fetches the lines where their search begins.
  void name_flow(const SessionKey& key, uint8_t instance, FlowHashes& hashes) const {
    hashes.binding = hash_binding(key);
    hashes.subscriber = hash_subscriber(subscriber_prefix(key.inside), instance);
    __builtin_prefetch(bindings_by_inside_.bucket(hashes.binding), 1);
    __builtin_prefetch(by_prefix_.bucket(hashes.subscriber));
  }
  // What is going to end (nat/ends_ahead.h), from one line to the next: each fetches what is named
  // by what the one before has fetched.
  void fetch_session(uint32_t i) const { __builtin_prefetch(&sessions_[i], 1); }
  void name_session(uint32_t i, EndHashes& out) const {
    const Session& s = sessions_[i];
    out.inside = hash_inside(key_, s.key);
    out.outside = hash_outside(key_, s.key);
    __builtin_prefetch(by_inside_.bucket(out.inside), 1);
    __builtin_prefetch(by_outside_.index().bucket(out.outside), 1);
    __builtin_prefetch(&bindings_[s.binding], 1);
  }
  void name_binding(uint32_t i, EndHashes& out) const {
    const Binding& b = bindings_[sessions_[i].binding];
    name_end(b, out);
    __builtin_prefetch(by_prefix_.bucket(out.subscriber), 1);
    if (b.sessions != 1) return;
    __builtin_prefetch(bindings_by_inside_.bucket(out.binding_inside), 1);
    __builtin_prefetch(bindings_by_outside_.index().bucket(out.binding_outside), 1);
  }

  /// A session of `binding`, whose hash_inside() is `inside`; the caller has made sure that there
  /// is room, and files it on the wheel.
  uint32_t add_session(const SessionKey& key, uint64_t inside, uint32_t binding,
                       uint32_t subscriber, uint16_t delta);
  /// Deletes a session that is not filed, and whatever only it held up.
  void remove_session(uint32_t i) { remove_session(i, end_hashes(sessions_[i])); }
  void remove_session(uint32_t i, const EndHashes& hashes);

  // --- address-dependent filtering (tables_permits.cc)
  /// Begins to note to whom bindings have sent, in memory of its own. False if there is none.
  bool start_permits();
  static std::size_t permits_need(const Settings& settings) {
    return Arena::need<Permit>(settings.max_sessions) + Index::need(settings.max_sessions);
  }
  void touch_permits() { permit_arena_.touch(); }
  bool permits_pending() const { return permits_ != nullptr && permit_cursor_ != kNone; }
  bool permits_ready() const { return permit_cursor_ == kNone; }
  /// Notes at most `budget` sessions of before start_permits(). True when all are.
  bool build_permits(unsigned budget);
  /// Whether some session of (pool, port) has this remote address, any port (RFC 6146 3.5.1).
  bool permitted(const SessionKey& outside) const;

  // --- bindings ----------------------------------------------------------------------------------
  const Binding& binding(uint32_t i) const { return bindings_[i]; }
  uint32_t binding_end() const { return bindings_used_; }
  bool bindings_full() const { return binding_count_ == binding_capacity_; }
  uint64_t hash_binding(const SessionKey& key) const {
    return hash_binding_inside(key_, key.inside, key.inside_port, key.protocol, key.prefix);
  }
  /// `hash` is hash_binding().
  uint32_t find_binding_inside(const SessionKey& key, uint64_t hash) const {
    return bindings_by_inside_.find(hash, [&](uint32_t i) {
      const Binding& b = bindings_[i];
      return b.inside == key.inside && b.inside_port == key.inside_port &&
             b.protocol == key.protocol && b.prefix == key.prefix;
    });
  }
  uint32_t find_binding_inside(const net::Ip6& inside, net::Be16 port, uint8_t protocol,
                               uint8_t prefix) const {
    const SessionKey key{inside, {}, port, {}, {}, {}, protocol, prefix};
    return find_binding_inside(key, hash_binding(key));
  }
  uint32_t find_binding_outside(net::Ip4 pool, net::Be16 port, uint8_t protocol) const;
  /// (pool, port) must have been taken from the pools already, unless `flags` has kNoCell.
  uint32_t add_binding(uint32_t subscriber, const SessionKey& key, uint16_t flags = 0) {
    return add_binding(subscriber, key, hash_binding(key), flags);
  }
  uint32_t add_binding(uint32_t subscriber, const SessionKey& key, uint64_t hash, uint16_t flags);
  /// A static one is found no longer; it goes with its last session, now if it has none.
  void retire_binding(uint32_t i);
  /// A leased one stays without sessions, too.
  void set_leased(uint32_t i, bool leased);

  // --- subscribers -------------------------------------------------------------------------------
  const Subscriber& subscriber(uint32_t i) const { return subscribers_[i]; }
  uint32_t subscriber_end() const { return subscribers_used_; }
  net::Ip6 subscriber_prefix(const net::Ip6& inside) const {
    const uint64_t words[2] = {inside.raw_high() & subscriber_mask_[0],
                               inside.raw_low() & subscriber_mask_[1]};
    net::Ip6 out;
    std::memcpy(&out, words, sizeof out);
    return out;
  }
  uint64_t hash_subscriber(const net::Ip6& prefix, uint8_t instance) const {
    return net::hash_ip6(key_, prefix, instance);
  }
  /// `hash` is hash_subscriber() of the prefix that holds `inside`.
  uint32_t find_subscriber(const net::Ip6& inside, uint8_t instance, uint64_t hash) const {
    const net::Ip6 prefix = subscriber_prefix(inside);
    return by_prefix_.find(hash, [&](uint32_t i) {
      return subscribers_[i].prefix == prefix && subscribers_[i].instance == instance;
    });
  }
  uint32_t find_subscriber(const net::Ip6& inside, uint8_t instance) const {
    return find_subscriber(inside, instance, hash_subscriber(subscriber_prefix(inside), instance));
  }
  uint32_t add_subscriber(const net::Ip6& inside, uint8_t instance, uint32_t address);
  /// Pairs it with another pool address.
  void set_subscriber_address(uint32_t i, uint32_t address) { subscribers_[i].address = address; }
  net::Ip6Prefix subscriber_name(uint32_t i) const {
    return {subscribers_[i].prefix, subscriber_length_};
  }
  bool subscribers_full() const { return subscriber_count_ == subscriber_capacity_; }
  /// Forgets it unless it has bindings or port blocks.
  void remove_unused_subscriber(uint32_t i);
  /// Whether it may open a session now, at `per_second` (not 0) on average and as a burst.
  bool has_token(uint32_t i, uint32_t per_second, uint32_t now_ms);
  /// The same, for the asking.
  bool would_have_token(uint32_t i, uint32_t per_second, uint32_t now_ms) const {
    return tokens_of(subscribers_[i], per_second, now_ms) >= kToken;
  }
  void take_token(uint32_t i) { subscribers_[i].tokens -= kToken; }

  Wheel& wheel() { return wheel_; }
  TableInfo info() const;
  void add_memory(MemoryInfo& info) const;

 private:
  static constexpr uint32_t kToken = 1000;
  struct Permit {
    SessionKey outside;  ///< remote_port 0
    uint32_t sessions;   ///< in a free record: the next free one
  };
  static uint32_t tokens_of(const Subscriber& s, uint32_t per_second, uint32_t now_ms);
  uint32_t find_permit(const SessionKey& outside) const;
  void permit(const SessionKey& key);
  void revoke(const SessionKey& key);
  EndHashes end_hashes(const Session& s) const {
    EndHashes out;
    out.inside = hash_inside(key_, s.key);
    out.outside = hash_outside(key_, s.key);
    name_end(bindings_[s.binding], out);
    return out;
  }
  /// The hashes of the binding and its subscriber.
  void name_end(const Binding& b, EndHashes& out) const {
    const auto instance = static_cast<uint8_t>(b.flags >> 8);
    out.subscriber = hash_subscriber(subscriber_prefix(b.inside), instance);
    out.binding_inside = hash_binding_inside(key_, b.inside, b.inside_port, b.protocol, b.prefix);
    out.binding_outside = hash_binding_outside(key_, b.pool, b.pool_port, b.protocol);
  }
  void remove_binding(uint32_t i, uint32_t subscriber, const EndHashes& hashes);
  void remove_unused_binding(uint32_t i);
  void detach(uint32_t i, const EndHashes& hashes);
  void tell(EventKind kind, const Session& s);
  void tell(EventKind kind, const Binding& b);

  Pools& pools_;
  Events& events_;
  telemetry::Counters& counters_;
  net::HashKey key_;
  uint64_t subscriber_mask_[2] = {};
  uint8_t subscriber_length_ = 64;

  Session* sessions_ = nullptr;
  Binding* bindings_ = nullptr;
  Subscriber* subscribers_ = nullptr;
  Permit* permits_ = nullptr;
  Index by_inside_, bindings_by_inside_, by_prefix_, by_permit_;
  LateIndex by_outside_, bindings_by_outside_;
  Wheel wheel_;

  uint32_t session_capacity_ = 0, sessions_used_ = 0, session_count_ = 0, free_session_ = kNone;
  uint32_t binding_capacity_ = 0, bindings_used_ = 0, binding_count_ = 0, free_binding_ = kNone;
  uint32_t subscriber_capacity_ = 0, subscribers_used_ = 0, subscriber_count_ = 0;
  uint32_t free_subscriber_ = kNone;
  uint32_t permits_used_ = 0, free_permit_ = kNone;
  Arena permit_arena_;
  uint32_t permit_cursor_ = 0;  ///< sessions before it have their permits
};

}  // namespace isthmus::nat
