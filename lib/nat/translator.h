// SPDX-License-Identifier: BSD-3-Clause
// A worker's translator: stateful instances (RFC 6146), stateless ones (RFC 7915), and the state.
//
// Theory of operation. Single-threaded by contract: one worker owns a Translator and nobody else
// touches it. Time comes in as milliseconds of a 32-bit clock that may wrap. A packet's walk:
//   1. the worker parses it, asks classify() whose it is, and makes sure that it owns it;
//   2. decide() takes a batch of one family, looks sessions up with prefetching (creating what the
//   RFC
//      says), and fills a Decision for each packet: drop, answer, hold, or translate to given
//      addresses. Session state and counters change here;
//   3. the worker looks up the route of Decision::next and tells apply() the path; apply() rewrites
//      the packet in place.
// Nearly all packets are plain (net/plain.h) and belong to an established session. The worker says
// so of a packet instead of parsing it; decide() then only names its session and where it goes,
// and, routes looked up, the worker translates it in its own loop (nat/plain_path.h). It comes to
// the same as 1. to 3. Between bursts the worker calls expire() with a budget, and then originate()
// until it is empty, which makes the packets nobody sent: TCP probes, and the ICMP error owed for a
// stored SYN. Fragments that decide() has held come back through release(), byte for byte as they
// were given to decide(). The worker asks for them each turn, with a budget, and sends them
// through 1. to 3. once more; as Past::kReleased they are decided for good and never held again, so
// this ends. Counting. The Translator counts everything that it decides, each packet once; the
// worker counts only what it drops itself (no route, full rings ...):
//   * kDrop and kConsumed are counted under their reason in decide(); kLocal is the worker's;
//   * a held fragment is kConsumed without a reason, and counted as kFragmentsHeld. Whatever
//   becomes
//     of it is counted when it is decided again, so it is received once, held once, and forwarded
//     or dropped once;
//   * apply() counts a packet that goes on (kNat64Out/In with bytes as received, kSiitOut/In; also
//     kIcmpErrorsTranslated, kHairpin), or else the reason of its Outcome, and kIcmpErrorsSent when
//     that is kReply. An answer refused by the rate limit counts as kIcmpRateLimit alone;
//   * a hairpinned packet counts as kNat64Out and kHairpin in its first half, and again in its
//     second, as kNat64In or as a drop;
//   * fragments that the worker makes of a kSplit are the worker's to count (kFragmentsOut).
// An ICMP error made here (kReply, originate()) may be addressed to one of our own pool addresses,
// when the packet it is about was hairpinned: it then has to be turned around like any other.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "nat/events.h"
#include "nat/index.h"
#include "nat/info.h"
#include "nat/settings.h"
#include "net/packet_buf.h"
#include "net/parse.h"
#include "net/result.h"
#include "net/stretch.h"
#include "telemetry/counters.h"
#include "xlat/icmp_error.h"
#include "xlat/rewrite.h"

namespace isthmus::nat {

using telemetry::DropReason;

inline constexpr unsigned kBatch = 64;
/// A way for each packet of a batch, and the usual one.
inline constexpr unsigned kWays = kBatch + 1;

/// Whose a packet is, by its destination.
struct Class {
  /// kUnserved: in a stateful prefix, but no instance serves its sender (Instance::sources).
  enum Kind : uint8_t { kNone, kStateful, kStateless, kUnserved } kind = kNone;
  uint8_t instance = 0;  ///< index into Settings::instances or Settings::stateless
  uint8_t prefix = 0;    ///< stateful, IPv6: index over all prefixes of all instances
  bool shared = false;   ///< set by the worker: the box has the address too, and what the pool does
                         ///< not know is for the box
};

/// How a fragment came to decide().
enum class Past : uint8_t {
  kNone,      ///< from the wire, or as the second half of a hairpin
  kCounted,   ///< it was held, and counted, on the way to its owner
  kReleased,  ///< from release()
};

/// What a fragment had with it when it was held, and has again when it is released.
struct Released {
  Class cls;
  bool keep_hop_limit = false;
  uint16_t mark = 0;
};

enum class Verdict : uint8_t {
  kTranslate,       ///< 6->4 or 4->6 with Decision::to4 / to6
  kTranslateError,  ///< an ICMP error: also inner4 / inner6 and inner_view
  kAnswer,          ///< turn it into the ICMP error `answer` for its sender
  kConsumed,        ///< the translator kept what it needs; free the packet
  kLocal,           ///< of a shared address, and not the pool's: give it to the box
  kDrop,
};

struct Decision {
  Verdict verdict = Verdict::kDrop;
  DropReason reason = DropReason::kNone;
  Class cls;
  bool hairpin = false;         ///< 6->4, and the result goes to one of our own pool addresses
  bool keep_hop_limit = false;  ///< set by the worker on the second half of a hairpin
  Past past = Past::kNone;      ///< set by the worker
  bool has_delta = false;
  uint32_t icmp_length = 0;  ///< fragments of ICMP: of the whole message
  net::ChecksumDelta delta;
  xlat::ErrorSpec answer;
  // The families are known from the packet's view: a 6->4 packet uses to4, a 4->6 packet to6.
  xlat::Rewrite4 to4;
  xlat::Rewrite6 to6;
  xlat::Rewrite4 inner4;
  xlat::Rewrite6 inner6;
  net::PacketView inner_view;
};

struct Session;

/// Packets of one family, side by side. What a plain packet of an established session needs comes
/// first; its view and decision are not even touched.
struct Batch {
  unsigned count = 0;
  unsigned ways = 0;  ///< out: how many of next4 or next6 there are
  /// In, one bit a packet: it is not plain (net/plain.h), and has `buf` and `view`. Plain ones have
  /// `ip` and `length`; when they are spelled out, `buf` gets its data and length, too.
  uint64_t parsed = ~uint64_t{0};
  net::PacketBuf* buf[kBatch];
  uint8_t* ip[kBatch];      ///< where its IP header is
  uint32_t length[kBatch];  ///< from there on
  /// In, of plain packets: a stateless instance's, with Class::instance in `tail`. Out: those of
  /// them whose addresses are mapped, and which may be translated by that.
  uint64_t stateless = 0;
  // In, of plain packets, by PlainSearch::fetch(); of the others decide() fills them in.
  const Index::Bucket* bucket[kBatch];
  uint8_t tag[kBatch];
  uint16_t tail[kBatch];     ///< in: of plain packets, plain_tail(); their prefix has 96 bits
  Session* session[kBatch];  ///< out: translate it by this (nat/plain_path.h)
  uint64_t absent = 0;       ///< by look_ahead(): one bit for each that finds no session, so far
  net::Ip4 source4[kBatch], destination4[kBatch];  ///< out, 6->4, stateless: the new addresses
  net::Ip6 source6[kBatch], destination6[kBatch];  ///< out, 4->6, stateless: the same
  /// In: destinations, none of them anyone's here, that all have one next hop. If there are any,
  /// way 0 is theirs, and next4 or next6 has one of them there.
  bool has_usual = false;
  std::array<bool, 256> usual4{};  ///< 6->4: by first octet
  net::Stretch<uint64_t> usual6;   ///< 4->6: by upper half
  uint8_t way[kBatch];             ///< out: where it goes, if it leaves: index into next4 or next6
  uint32_t next4[kWays];           ///< out, 6->4: destinations, in host order
  net::Ip6 next6[kWays];           ///< out, 4->6: the same
  net::PacketView view[kBatch];
  Decision decision[kBatch];        ///< in: cls, keep_hop_limit, past; out: the rest
  const uint16_t* marks = nullptr;  ///< the worker's own, one a packet; Released brings them back

  bool is_stateless(unsigned i) const { return (stateless >> i & 1) != 0; }
  bool is_plain(unsigned i) const { return (parsed >> i & 1) == 0; }
  const uint8_t* data(unsigned i) const { return is_plain(i) ? ip[i] : buf[i]->data; }
};
static_assert(kBatch == 64, "one bit a packet");

class Classifier;
class Core;
class FragmentHome;
struct PoolUpdate;

class Translator {
 public:
  /// Builds the state of worker `worker`. All memory is taken here. `ownership` must outlive it.
  static Result<std::unique_ptr<Translator>> make(const Settings& settings,
                                                  const steer::Ownership& ownership,
                                                  unsigned worker, telemetry::Counters& counters);
  ~Translator();

  const Classifier& classifier() const { return classifier_; }
  /// Another number whenever update() or install_pools() may have changed whose packets are.
  uint64_t rules() const { return rules_; }
  /// For loops that want no call a packet (nat/plain_path.h).
  Core& core() { return core_; }
  /// IPv6 packets may be selected by their sender, too.
  Class classify6(const net::PacketBuf& packet, const net::PacketView& view) const;
  Class classify4(net::Ip4 destination) const;
  /// Whether an IPv4 packet may be meant for a binding although the box has its destination, too.
  /// Such a packet's class is stateful and `shared`; if it has no binding it comes out as kLocal.
  bool may_lend(const net::PacketBuf& packet, const net::PacketView& view) const;

  /// All packets of `batch` have the same family and a class other than kNone, and this worker owns
  /// the stateful ones.
  void decide(Batch& batch, uint32_t now_ms) {
    look_ahead(batch);
    decide_seen(batch, now_ms);
  }
  /// The same in two steps. Between them the other family's batch may be looked at and decided
  /// about, so that what both read of memory is on its way at one time.
  void look_ahead(Batch& batch);
  void decide_seen(Batch& batch, uint32_t now_ms);

  /// Packet `i` has a session, or mapped addresses, but cannot be translated as it is: it gets a
  /// Decision like any other instead, for apply().
  void spell_out(Batch& batch, unsigned i, uint32_t now_ms);

  /// Carries out kTranslate, kTranslateError or kAnswer on packet `i`. kForward of a hairpin leaves
  /// an IPv4 packet addressed to one of our pools; the worker that owns it decides it again.
  xlat::Outcome apply(Batch& batch, unsigned i, const xlat::Path& path, uint32_t now_ms);

  /// Whether the ICMP error in `error` may be sent now; counts towards the limits if so. For errors
  /// about packets that were not given to decide().
  bool allow_error(const net::PacketBuf& error, uint32_t now_ms);

  /// Writes the next fragment that need not wait any longer into `out`, which is empty. False if
  /// there is none, or it has no room there.
  bool release(net::PacketBuf& out, Released& how);
  bool has_released() const;
  /// For fragments of which this worker is the home (steer/owner.h).
  FragmentHome& fragment_home();

  /// Frees at most `budget` sessions whose time has come, and as many datagrams' fragments. True if
  /// more wait.
  bool expire(uint32_t now_ms, unsigned budget);

  /// Writes the next packet the translator itself owes somebody into `buf` (room for 576 bytes),
  /// with its sender address `path.own4` where it is ours to send. False if none is pending.
  bool originate(net::PacketBuf& buf, const xlat::Path& path);
  bool has_origination() const;

  // For the control core, on the owner's thread. Cursors start at 0; 0 is returned at the end. Each
  // call looks at no more than `scan` table places; a session that it deletes counts as four.
  struct DumpResult {
    uint64_t next_cursor = 0;
    std::size_t count = 0;
  };
  DumpResult dump_sessions(uint64_t cursor, unsigned scan, const Filter& filter, uint32_t now_ms,
                           std::span<SessionInfo> out) const;
  DumpResult dump_bindings(uint64_t cursor, unsigned scan, const Filter& filter,
                           std::span<BindingInfo> out) const;
  /// Deletes matching sessions (and bindings left without one); `count` is how many.
  DumpResult clear_sessions(uint64_t cursor, unsigned scan, const Filter& filter);
  /// Deletes matching dynamic bindings with all their sessions.
  DumpResult clear_bindings(uint64_t cursor, unsigned scan, const Filter& filter);
  /// Port blocks that subscribers have; Filter::inside matches the subscriber's prefix too.
  DumpResult dump_blocks(uint64_t cursor, unsigned scan, const Filter& filter,
                         std::span<BlockInfo> out) const;
  /// Filter::inside matches as in dump_blocks(), Filter::outside the paired address.
  DumpResult dump_subscribers(uint64_t cursor, unsigned scan, const Filter& filter,
                              std::span<SubscriberInfo> out) const;
  std::size_t pool_info(std::span<PoolInfo> out) const;
  TableInfo table_info() const;
  MemoryInfo memory_info() const;

  /// Bytes that the translators of all workers together take.
  static std::size_t need(const Settings& settings, const steer::Ownership& ownership);
  /// Makes them present in memory; before the first packet.
  void touch_memory();

  /// What the control core takes events from, from its own thread.
  EventRing& events();

  // For StaticBindings (nat/statics.h), which calls them on the right workers in the right order.
  /// Keeps a cell, or all cells that this worker has of an address, from being lent. Error if lent.
  Status reserve(const StaticBinding& binding);
  void unreserve(const StaticBinding& binding);
  Status add_static(const StaticBinding& binding);
  /// Its sessions stay; the caller clears them.
  void remove_static(const StaticBinding& binding);

  // For PCP (RFC 6887), on the inside host's worker.
  /// A binding that stays without sessions until end_lease(); one that there is keeps its cell.
  LeaseAnswer lease(const LeaseWish& wish);
  void end_lease(const LeaseWish& wish);
  enum class Bound : uint8_t { kNo, kDynamically, kStatically };
  Bound bound(const LeaseWish& wish) const;

  /// Of a packet that is dropped for its extension headers before anybody decides about it.
  void tell_ext_header(const net::PacketBuf& packet);

  /// New timers and options for existing instances (same number, names and prefixes). Pools change
  /// by the next three (nat/pool_update.h).
  void update(const Settings& settings);
  /// Run by the control core itself: reads nothing that the worker writes. Error: why the pools do
  /// not work out for this worker.
  Result<std::unique_ptr<PoolUpdate>> prepare_pools(const Settings& settings) const;
  void install_pools(PoolUpdate& next);
  /// Deletes the sessions on these addresses, and takes back port blocks; `count` is how many
  /// sessions.
  DumpResult end_leaving(uint64_t cursor, unsigned scan,
                         std::span<const steer::AddressRange> leaving);

 private:
  struct State;
  explicit Translator(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
  Core& core_;                    ///< of `state_`
  const Classifier& classifier_;  ///< of `state_`
  uint64_t rules_ = 0;
};

}  // namespace isthmus::nat
