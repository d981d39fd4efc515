// SPDX-License-Identifier: BSD-3-Clause
// hot path
// The inside of a Translator: its state, and the steps of RFC 6146 3.5 that decide about packets.
//
// Theory of operation. A burst is looked at in three passes, so that the cache misses of
// its packets overlap: hash all keys and prefetch their index lines (of plain packets the worker
// has done so); find the candidate records and prefetch them; then act, packet by packet. A plain
// packet of an established session is done with when its session is known; PlainRewrite
// (nat/plain_path.h) translates from the session's own line. All else (and what looked plain but
// has no session) goes to one of the functions below, still in order, so that a packet sees what
// the one before it created. A first fragment is decided like a packet, and what comes of it is
// remembered for the others. A session whose deadline has passed is dead to packets even before the
// wheel brings it up.
#pragma once

#include <array>
#include <cstdint>
#include <new>
#include <vector>

#include "nat/classifier.h"
#include "nat/error_limits.h"
#include "nat/events.h"
#include "nat/fragments.h"
#include "nat/held_syns.h"
#include "nat/pools.h"
#include "nat/tables.h"
#include "nat/tcp_machine.h"
#include "nat/translator.h"
#include "xlat/plain.h"

namespace isthmus::nat {

/// The sides of an instance that packets ask about.
struct InstanceState {
  bool has_short_ports = false;
  std::array<uint64_t, kWellKnownPorts / 64>
      short_ports{};  ///< destinations of TimerClass::kUdpShort

  Filtering filtering = Filtering::kEndpointIndependent;
  xlat::Policy policy;
  bool allow_non_global = false;
  std::shared_ptr<const Access> access;
  TcpOptions tcp;
  uint32_t held_syn_ms = 6000;
};

/// What a timer_slot() stands for.
struct Lifetime {
  uint32_t ms = 0;
  uint32_t inbound = 0;  ///< all ones if packets from outside prolong it, too
};

/// What of a stateless instance plain packets need.
struct PlainSiit {
  xlat::PlainPolicy policy;
  /// It has nothing but a prefix of 96 bits, between whose addresses all packets go: `high` and
  /// `low` are what IPv6 addresses begin with, raw, and `delta` what all checksums change by, 6->4.
  bool by_prefix = false;
  uint64_t high = 0;
  uint32_t low = 0;
  net::ChecksumDelta delta;
  const net::AddressRules* addresses = nullptr;  ///< the instance's

  static PlainSiit of(const xlat::Siit& siit, const Access* access);
  bool holds(const net::Ip6& a) const {
    return a.raw_high() == high && static_cast<uint32_t>(a.raw_low()) == low;
  }
  net::Ip6 embed(net::Ip4 address) const {
    const uint64_t words[2] = {high, low | uint64_t{address.value.raw()} << 32};
    net::Ip6 out;
    std::memcpy(&out, words, sizeof out);
    return out;
  }
};

/// Inside address bound to a pool address with all ports and protocols.
struct WholeAddress {
  net::Ip6 inside;
  net::Ip4 outside;
  uint8_t instance;
  uint8_t prefix;
};

/// One packet between the passes.
struct Lane {
  SessionKey key;
  uint64_t hash;
  uint32_t candidate;
  FlowHashes flow;
  bool simple;  ///< it can be looked up by itself: all but errors and fragments of what has ports
  bool named = false;  ///< `flow` is known: see name()
  /// Why open_plainly() could make no binding for it: not to be tried again.
  DropReason refused = DropReason::kNone;
};

/// Those of a burst, each made when it is first asked for: nearly no plain packet needs one.
class Lanes {
 public:
  Lanes() {}
  void clear() { made_ = 0; }
  Lane& at(unsigned i) {
    if ((made_ >> i & 1) == 0) {
      made_ |= uint64_t{1} << i;
      ::new (&lanes_[i]) Lane;
    }
    return lanes_[i];
  }

 private:
  uint64_t made_ = 0;
  union {
    Lane lanes_[kBatch];
  };
};

/// Where the latest plain packet went, 6->4: the next one often goes there, too.
struct Way {
  uint32_t remote = 0;  ///< raw; 0 is no host
  uint8_t number = 0;   ///< Batch::way
};

/// Whether a packet without SYN, FIN and RST finds the session as it leaves it, but for its time.
inline bool is_steady(const Session& s) {
  constexpr auto kSteady = 1u << static_cast<unsigned>(TcpState::kNone) |
                           1u << static_cast<unsigned>(TcpState::kEstablished);
  return (kSteady >> static_cast<unsigned>(s.state) & 1) != 0;
}

template <Direction kDirection>
class PlainRewrite;
struct PlainPrefix;

struct Foreseen;

class Core {
 public:
  Core(const Settings& settings, const steer::Ownership& ownership, unsigned worker,
       telemetry::Counters& counters);
  Status init(unsigned worker);
  /// Bytes of the arena that init() maps.
  static std::size_t need(const Settings& settings);
  void touch();
  void add_memory(MemoryInfo& info) const;
  const steer::Ownership& ownership() const { return ownership_; }
  void update(const Settings& settings);

  /// The first two passes. A batch of the other direction may be decided about before this one.
  template <Direction kDirection>
  void look_ahead(Batch& batch);
  /// The third, of a batch at which look_ahead() has looked.
  template <Direction kDirection>
  void decide_batch(Batch& batch, uint32_t now_ms);

  /// Takes packet `i` off the plain path: its session becomes a decision.
  template <Direction kDirection>
  void decide_plainly(Batch& batch, unsigned i, uint32_t now_ms);

  xlat::Outcome apply(Batch& batch, unsigned i, const xlat::Path& path, uint32_t now_ms);

  // core_foresee.cc: what would become of a packet, without a trace of it. For the control core.
  /// The session of packet `i`, which has a view and a class, if its time is up and nothing has
  /// ended it yet; else nullptr.
  template <Direction kDirection>
  const Session* dead_session(const Batch& batch, unsigned i, uint32_t now_ms) const;
  /// Ends that, as the next turn of the wheel will. For who asks foresee().
  template <Direction kDirection>
  void end_dead_session(const Batch& batch, unsigned i, uint32_t now_ms);
  /// As decide_batch() would decide about packet `i`, which has no dead session.
  template <Direction kDirection>
  void foresee(Batch& batch, unsigned i, uint32_t now_ms, Foreseen& out) const;
  /// As apply(), but nothing is counted, and no number or token used up.
  xlat::Outcome foresee_apply(Batch& batch, unsigned i, const xlat::Path& path, uint32_t now_ms);
  SessionInfo info_of(const Session& s, uint32_t now_ms) const;

  bool expire(uint32_t now_ms, unsigned budget);
  bool originate(net::PacketBuf& buf, const xlat::Path& path);
  bool has_origination() const;
  bool release(net::PacketBuf& out, Released& how) {
    return fragments_.release(out, how, counters_);
  }
  bool has_released() const { return fragments_.has_released(); }
  Translator::DumpResult end_leaving(uint64_t cursor, unsigned scan,
                                     std::span<const steer::AddressRange> leaving);
  /// An event, if `reason` is one that asks for it (events.h: kDroppedEvents).
  void tell_dropped(DropReason reason, const net::PacketBuf& buf, const net::PacketView& view,
                    uint8_t instance);
  /// Whether the ICMP error in `buf` may be sent; counts it if so.
  bool allow_reply(const net::PacketBuf& buf, uint32_t now_ms);
  /// Takes a session off the wheel and deletes it.
  void drop_session(uint32_t i);
  uint32_t deadline(const Session& s) const { return s.last_seen_ms + lifetime_[s.timer].ms; }
  bool is_over(const Session& s, uint32_t now_ms) const {
    return now_ms - s.last_seen_ms >= lifetime_[s.timer].ms;
  }
  /// Whether it is dead for good: an established TCP session still has its closing time.
  bool is_dead(const Session& s, uint32_t now_ms) const;

  // core_static.cc, for the control core
  Status reserve(const StaticBinding& b);
  void unreserve(const StaticBinding& b);
  Status add_static(const StaticBinding& b);
  void remove_static(const StaticBinding& b);

  // core_lease.cc, for the control core
  LeaseAnswer lease(const LeaseWish& wish);
  void end_lease(const LeaseWish& wish);
  /// The binding of an inside port, or Index::kNone.
  uint32_t find_binding(const LeaseWish& wish) const;
  bool is_whole(const LeaseWish& wish) const;

  Classifier classifier;
  Events events;
  Pools pools;
  Tables tables;
  Arena arena;

 private:
  template <Direction kDirection>
  friend class PlainRewrite;
  friend struct PlainPrefix;
  struct Probe {
    SessionKey key;
  };
  static constexpr uint32_t kProbes = 256;
  /// Addresses that a new session without ports finds taken, at most, before it is refused.
  static constexpr unsigned kMostTaken = 64;

  // core_lanes.cc: the passes, and nearly all packets.
  /// Of a burst in which each is plain, and may have a session, if `kPlain`.
  template <Direction kDirection, bool kPlain>
  void decide_sessions(Batch& batch, uint32_t now_ms);
  template <Direction kDirection>
  void prepare_others(Batch& batch, Lanes& lanes) const;
  template <Direction kDirection>
  uint64_t find_candidates(Batch& batch, Lanes& lanes);
  template <Direction kDirection>
  Lanes& lanes_of() {
    return lanes_[static_cast<unsigned>(kDirection)];
  }
  bool is_simple(const net::PacketView& view, const Class& cls) const;
  template <Direction kDirection>
  void prepare_any(Batch& batch, unsigned i, Lane& lane) const;
  template <Direction kDirection>
  void decide_slowly(Batch& batch, unsigned i, Lanes& lanes, uint32_t candidate, uint32_t now_ms);
  template <Direction kDirection>
  uint32_t find_again(const Batch& batch, unsigned i) const;
  template <Direction kDirection>
  bool established(Batch& batch, unsigned i, uint32_t& candidate, uint32_t now_ms, Way& way);
  void prefetch_new(const Batch& batch, unsigned i, Lanes& lanes) const;
  /// Reckons Lane::flow of a packet from inside, once.
  void name(Lane& lane, uint8_t instance) const {
    if (!lane.named) tables.name_flow(lane.key, instance, lane.flow);
    lane.named = true;
  }
  bool open_plainly(Batch& batch, unsigned i, Lanes& lanes, uint32_t now_ms, Way& way);
  /// Notes where the packet goes, in `way` and the batch. False if it turns around.
  bool take_way(Batch& batch, unsigned i, net::Ip4 remote, Way& way) const {
    if (remote.value.raw() != way.remote) {
      if (batch.usual4[remote.value.raw() & 0xff]) [[likely]] {
        way.number = 0;
      } else {
        // A hairpin turns around once more.
        if (classifier.is_anyones(remote)) return false;
        way.number = static_cast<uint8_t>(batch.ways);
        batch.next4[batch.ways++] = remote.host();
      }
      way.remote = remote.value.raw();
    }
    batch.way[i] = way.number;
    return true;
  }
  void take_way(Batch& batch, unsigned i, const net::Ip6& inside) const {
    if (batch.usual6.holds(net::byte_swap(inside.raw_high()))) [[likely]] {
      batch.way[i] = 0;
    } else {
      batch.way[i] = static_cast<uint8_t>(batch.ways);
      batch.next6[batch.ways++] = inside;
    }
  }

  // core_act.cc: the others.
  template <Direction kDirection>
  void decide_any(Batch& batch, unsigned i, Lane& lane, uint32_t now_ms);
  /// Fills in the view of a plain packet that others will look at after all, and its class.
  void spell_out(Batch& batch, unsigned i) const;
  /// Lane::key of a packet that shows its ports.
  template <Direction kDirection>
  SessionKey key_of(const Batch& batch, unsigned i) const;
  template <Direction kDirection>
  void act(Batch& batch, unsigned i, Lane& lane, uint32_t now_ms);
  template <Direction kDirection>
  bool fast_path(Session& s, const net::PacketView& view, uint32_t now_ms);
  template <Direction kDirection>
  void translate(const Session& s, const Batch& batch, unsigned i, Decision& d) const;

  // core_new.cc: no session yet.
  template <Direction kDirection>
  void miss(Batch& batch, unsigned i, Lane& lane, uint32_t now_ms);
  void miss_6to4(const net::PacketView& view, Lane& lane, Decision& d, uint32_t now_ms);
  void miss_4to6(const net::PacketBuf& buf, const net::PacketView& view, Lane& lane, Decision& d,
                 uint32_t now_ms);
  void stateless_6to4(uint32_t binding, SessionKey& key, Decision& d) const;
  void hold_syn(const net::PacketBuf& buf, const Lane& lane, Decision& d, uint32_t now_ms);
  DropReason allowed_6to4(const Lane& lane, uint8_t instance) const;
  /// Where packets from inside may go: new flows, and errors, which need no session.
  DropReason allowed_remote(net::Ip4 remote, uint8_t prefix, uint8_t instance) const;
  DropReason allowed_4to6(net::Ip4 remote, const net::Ip6* inside, uint8_t prefix,
                          uint8_t instance) const;
  /// Who may send an ICMP error: nearly anybody (RFC 7915 4.1).
  DropReason allowed_router(net::Ip4 router, const net::Prefix6052& prefix, uint8_t instance) const;
  DropReason allowed_stateless(const net::PacketBuf& buf, const net::PacketView& view,
                               const Decision& d) const;
  uint8_t prefix_for(net::Ip4 remote, uint8_t instance) const;
  bool may_carry(const net::Prefix6052& prefix, uint8_t instance, net::Ip4 address) const {
    return instances_[instance].allow_non_global || !prefix.is_well_known() ||
           !settings_.addresses.is_non_global(address);
  }
  const xlat::Policy& policy_of(const Class& cls) const {
    return cls.kind == Class::kStateful ? instances_[cls.instance].policy
                                        : settings_.stateless[cls.instance].policy;
  }
  void refuse(const net::PacketView& view, Decision& d, DropReason reason) const;
  DropReason make_binding(Lane& lane, uint8_t instance, uint32_t now_ms, uint32_t& subscriber,
                          uint32_t& binding);
  DropReason choose_whole(const WholeAddress& whole, SessionKey& key, uint32_t& subscriber);
  Grant choose_cell(Lane& lane, uint8_t instance, uint32_t subscriber);
  Grant choose_portless(SessionKey& key, uint8_t instance, uint32_t subscriber);
  /// Whether (protocol, pool, remote), without ports, is somebody's.
  bool is_taken(const SessionKey& key) const {
    return tables.find_session(Direction::k4To6, tables.hash(Direction::k4To6, key), key) !=
           Index::kNone;
  }
  /// Of the binding of a whole address. One without ports stands for its remote only.
  static uint16_t whole_flags(uint8_t protocol) {
    return net::has_ports(protocol) ? Binding::kNoCell : Binding::kNoCell | Binding::kDetached;
  }
  bool can_take_portless(SessionKey& key, uint8_t instance, uint32_t address) const;
  bool take_portless(SessionKey& key, uint8_t instance, uint32_t address);
  /// Whether new subscribers are paired by their name, which comes to the same on each worker.
  bool pairs_by_name(uint8_t instance) const;
  uint32_t named_address(uint8_t instance, uint32_t subscriber) const;
  Grant use_cell(SessionKey& key, uint32_t subscriber, uint32_t address, net::Be16 port);
  // kSubscriberLimit comes with `hit`.
  DropReason room_for_session(uint32_t subscriber, LimitKind& hit) const;
  DropReason room_from_outside(uint32_t subscriber, LimitKind& hit) const;
  DropReason room_for_binding(uint32_t subscriber, uint8_t protocol, LimitKind& hit) const;
  void count_opened(uint32_t subscriber, uint32_t now_ms);
  TimerClass query_timer(const SessionKey& key, uint8_t instance, bool outbound) const;
  /// The event that belongs to a refusal.
  void tell_refusal(DropReason reason, const SessionKey& key, uint8_t instance);
  template <Direction kDirection>
  uint32_t open_session(uint32_t binding, uint32_t subscriber, const Lane& lane, TcpStep step,
                        uint32_t now_ms);

  LeaseAnswer lease_new(const LeaseWish& wish, uint8_t prefix);
  Grant choose_leased(Lane& lane, const LeaseWish& wish, uint32_t subscriber);

  // Whole addresses bound statically.
  const WholeAddress* whole_of_inside(const net::Ip6& inside, uint8_t prefix) const;
  const WholeAddress* whole_of_outside(net::Ip4 outside) const;
  void know_whole(const StaticBinding& b);
  void forget_whole(const StaticBinding& b);
  Status conflict_of(const StaticBinding& b) const;

  // core_tcp.cc
  void track_tcp(uint32_t i, TcpEvent event, uint32_t now_ms);
  /// The state after a segment. True: the session's lifetime begins anew, and is that of `timer`.
  bool step_tcp(Session& s, TcpEvent event, TimerClass& timer) const;
  /// ESTABLISHED, and its time is over.
  void begin_closing(Session& s) const;
  /// Brings a session's state up to date with the clock. False if it has ended (and is gone).
  bool settle(uint32_t i, uint32_t now_ms);
  void set_timer(uint32_t i, TimerClass timer, uint32_t now_ms);
  /// A packet of the session. Without a branch: the mask lies beside the lifetime.
  template <Direction kDirection>
  void refresh(Session& s, uint32_t now_ms) const {
    refresh<kDirection>(s, now_ms, now_ms - s.last_seen_ms, lifetime_[s.timer]);
  }
  /// The same for whom knows how old it is, and how old it may become.
  template <Direction kDirection>
  static void refresh(Session& s, uint32_t now_ms, uint32_t age, const Lifetime& lifetime) {
    if constexpr (kDirection == Direction::k6To4) {
      s.last_seen_ms = now_ms;
    } else {
      s.last_seen_ms += age & lifetime.inbound;
    }
  }

  // core_other.cc
  template <Direction kDirection>
  void decide_other(Batch& batch, unsigned i, uint32_t now_ms);
  /// All of them but fragments of what has ports: for these it returns false.
  template <Direction kDirection>
  bool decide_alone(const net::PacketBuf& buf, const net::PacketView& view, Decision& d) const;
  void decide_error_6to4(const net::PacketBuf& buf, const net::PacketView& view, Decision& d) const;
  void decide_error_4to6(const net::PacketBuf& buf, const net::PacketView& view, Decision& d) const;
  bool quoted(const net::PacketBuf& buf, const net::PacketView& view, Decision& d) const;
  bool quoted_flow(const net::PacketBuf& buf, const net::PacketView& view, Decision& d) const;

  // core_foresee.cc
  template <Direction kDirection>
  void foresee_flow(Batch& batch, unsigned i, uint32_t now_ms, Foreseen& out) const;
  void foresee_6to4(const net::PacketView& view, Lane& lane, Decision& d, uint32_t now_ms,
                    Foreseen& out) const;
  void foresee_4to6(const net::PacketView& view, Lane& lane, Decision& d, Foreseen& out) const;
  DropReason foresee_binding(Lane& lane, uint8_t instance, uint32_t subscriber, uint32_t binding,
                             uint32_t now_ms, Foreseen& out) const;
  Grant foresee_cell(SessionKey& key, uint8_t instance, uint32_t subscriber) const;
  Grant foresee_portless(SessionKey& key, uint8_t instance, uint32_t subscriber) const;
  uint32_t foresee_named(const net::Ip6& inside, uint8_t instance) const;

  // core_portless.cc: protocols without ports.
  void portless_error_6to4(const net::PacketBuf& buf, const net::PacketView& view,
                           Decision& d) const;
  void portless_error_4to6(const net::PacketBuf& buf, const net::PacketView& view,
                           Decision& d) const;
  const Session* session_of(Direction direction, const SessionKey& key) const;

  // core_stateless.cc
  /// Of a burst in which all are plain, and of stateless instances: none of them has a session.
  template <Direction kDirection>
  void map_batch(Batch& batch, uint32_t now_ms);
  void prefetch_stateless(const uint8_t* data, uint8_t instance) const;
  void prefetch_mappings(const Batch& batch) const;
  /// As decide_stateless(), for what is neither refused nor turned around: false for all else.
  template <Direction kDirection>
  bool map_plain(Batch& batch, unsigned i, Way& way) const;
  /// The same, between addresses of a prefix that is all that their instance has.
  template <Direction kDirection>
  bool map_by_prefix(Batch& batch, unsigned i, Way& way) const;
  template <Direction kDirection>
  bool map_by_rules(Batch& batch, unsigned i, Way& way) const;
  void decide_stateless(const net::PacketBuf& buf, const net::PacketView& view, Decision& d) const;
  DropReason stateless_6to4(const net::PacketBuf& buf, const net::PacketView& view, Decision& d,
                            bool error) const;
  DropReason stateless_4to6(const net::PacketBuf& buf, const net::PacketView& view, Decision& d,
                            bool error) const;
  bool must_turn(const Decision& d, xlat::By by) const;
  xlat::Outcome rewrite_nameless_error(net::PacketBuf& buf, const net::PacketView& view,
                                       const Decision& d, const xlat::Path& path,
                                       const xlat::Hints& hints);

  // core_fragment.cc
  template <Direction kDirection>
  void decide_fragment(Batch& batch, unsigned i, uint32_t now_ms);
  template <Direction kDirection>
  void decide_waiting(Batch& batch, unsigned i, uint32_t datagram, uint32_t now_ms);
  template <Direction kDirection>
  void decide_released(Batch& batch, unsigned i, uint32_t datagram, uint32_t now_ms);
  template <Direction kDirection>
  void decide_first(Batch& batch, unsigned i, uint32_t datagram, uint32_t now_ms);
  template <Direction kDirection>
  void decide_later(Batch& batch, unsigned i, uint32_t datagram);
  void hold_fragment(Batch& batch, unsigned i, uint32_t datagram);
  void gathered(uint32_t datagram);
  void box_takes(uint32_t datagram, const net::PacketView& view);
  bool tell_late(net::PacketBuf& buf, const xlat::Path& path);
  bool must_gather(const Batch& batch, unsigned i) const;
  bool must_have_checksum(const Batch& batch, unsigned i) const;
  bool is_for_box(const Batch& batch, unsigned i) const;

  // core_apply.cc
  static xlat::Outcome answer(net::PacketBuf& buf, const net::PacketView& view, const Decision& d,
                              const xlat::Path& path);
  xlat::Outcome rewrite(net::PacketBuf& buf, const net::PacketView& view, const Decision& d,
                        const xlat::Path& path);
  void count_forwarded(const net::PacketView& view, const Decision& d, uint32_t bytes);

  bool when_due(uint32_t i, const EndHashes& hashes, uint32_t now_ms);
  void write_probe(net::PacketBuf& buf, const SessionKey& key) const;
  const net::Prefix6052& prefix_of(const SessionKey& key) const {
    return classifier.stateful_prefix(key.prefix);
  }

  const steer::Ownership& ownership_;
  telemetry::Counters& counters_;
  Settings settings_;
  std::vector<InstanceState> instances_;
  xlat::PlainPolicy plain_policies_[kMaxInstances];  ///< of the instances
  std::vector<PlainSiit> stateless_plain_;
  bool has_mappings_ = false;                ///< some stateless instance has explicit ones
  std::vector<WholeAddress> wholes_;         ///< by outside
  std::vector<WholeAddress> wholes_inside_;  ///< the same, by inside
  Lifetime lifetime_[256];
  Lanes lanes_[2];  ///< of the bursts under way, by Direction
  HeldSyns held_;
  FragmentStore fragments_;
  Random random_;
  xlat::IdGenerator ids_;
  LimitKind limit_hit_ = LimitKind::kNone;  ///< of the latest kSubscriberLimit
  uint32_t now_ms_ = 0;                     ///< of the latest expire(), for originate()
  ErrorLimits errors_;
  // Probes owed (RFC 6146 3.5.2.2, ESTABLISHED): a ring.
  Probe probes_[kProbes];
  uint32_t probes_in_ = 0, probes_out_ = 0;
};

// Verdicts, each in one word.
inline void drop(Decision& d, DropReason reason) {
  d.verdict = Verdict::kDrop;
  d.reason = reason;
}
/// For the box, if it has the address too; else dropped.
inline void not_ours(Decision& d, DropReason reason) {
  if (!d.cls.shared || d.keep_hop_limit) return drop(d, reason);
  d.verdict = Verdict::kLocal;
  d.reason = DropReason::kNone;
}
inline void answer_with(Decision& d, DropReason reason, uint8_t type, uint8_t code,
                        uint32_t value = 0) {
  d.verdict = Verdict::kAnswer;
  d.reason = reason;
  d.answer = {type, code, value};
}

/// Checksum delta of a session's pseudo-header and ports when a packet goes from IPv6 to IPv4.
net::ChecksumDelta session_delta(const SessionKey& key, const net::Prefix6052& prefix);

}  // namespace isthmus::nat
