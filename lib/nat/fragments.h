// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Fragmented datagrams on their way through: what is known of them, and the fragments that wait.
//
// Theory of operation. Only the first fragment of a datagram (offset 0) tells its ports and, in
// IPv6, its protocol; and fragments come in any order (RFC 6146 3.4). So each datagram that is
// under way has a record, found by what its fragments share. Fragments that cannot be passed on yet
// are copied into slots of this store: the caller frees their packets at once, so that a flood of
// fragments never ties up packet buffers. A datagram is never put together in one buffer: when its
// time has come, release_held() moves its fragments, in order of offset, to a queue, from where the
// caller takes them out one by one and treats them as if they arrived now.
//
// Overlapping fragments kill their datagram (RFC 8200 4.5, RFC 5722). What is held here is compared
// byte by byte. Fragments that simply pass are not kept; of them only what reaches into the first
// one (RFC 1858, RFC 3128) or behind the last is seen. The rest is the business of the host that
// reassembles them.
//
// Memory is taken at start, and bounded thrice: no source (an IPv6 /64 or an IPv4 address) may use
// more than its share of the slots or of the records (limits.fragment_share), and no family more
// than three quarters, so that a flood from forged addresses of one leaves the other its quarter. A
// datagram whose bytes have all passed is settled: its record is no longer charged to its source
// and gives way to a new datagram when records run out. All records of an instance live equally
// long, from the first fragment to arrive, so the list of those that hold anything is in order of
// expiry.
//
// Senders use identifications again, at high rates within the lifetime of a record. A record whose
// fragments have all been seen exactly once is over, and the next fragment of that name begins
// another datagram; so does a first fragment once the first one has passed.
//
// When a datagram's time is over before all of it has come, and it had to be put together here, its
// first fragment is kept until its sender is told (RFC 8200 4.5, RFC 1122 3.3.2): take_late().
//
// Counting. The store counts what is held (kFragmentsHeld) and what it drops of that (kFragment or
// kFragmentLimit); the packet at hand is the caller's to count.
#pragma once

#include <cstddef>
#include <cstdint>

#include "nat/arena.h"
#include "nat/index.h"
#include "nat/session.h"
#include "nat/translator.h"
#include "net/packet_buf.h"
#include "net/parse.h"
#include "telemetry/counters.h"

namespace isthmus::nat {

/// What all fragments of a datagram share: addresses and identification, in IPv4 also the protocol
/// (RFC 791 3.2). In IPv6 their Next Header values may differ (RFC 8200 4.5).
struct FragmentKey {
  uint64_t source[2];
  uint64_t destination[2];
  uint64_t rest;  ///< identification, protocol (IPv4), family

  static FragmentKey of(const net::PacketBuf& buf, const net::PacketView& view);
  friend bool operator==(const FragmentKey&, const FragmentKey&) = default;
};

class FragmentStore {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};

  enum class State : uint8_t {
    kFree,
    kWaiting,  ///< fragments are held until the first one, or the whole datagram, is there
    kKnown,    ///< the first fragment has been decided: the others follow it
    kWhole,    ///< complete, and on its way out of the store
    kLocal,    ///< as kKnown: the first fragment was for the box (Class::shared)
    kRefused,  ///< whatever else comes of it is dropped
  };

  struct Datagram {
    FragmentKey key;
    SessionKey translation;  ///< kKnown: both names of the first fragment's flow
    uint32_t owner;          ///< for who only needs to know that (nat/fragment_home.h)
    uint32_t born_ms;
    uint32_t source;       ///< charged with this record, or kNone
    uint32_t first_piece;  ///< held, by offset
    uint32_t pieces;       ///< held
    uint32_t leaving;      ///< released, but not yet decided again
    uint32_t bytes;        ///< held while it waits, passed when it is known
    uint32_t total;        ///< of all its fragments' payloads; 0 until the last one is seen
    uint32_t icmp_length;  ///< of a gathered ICMP message, or 0
    uint32_t seen;         ///< see note()
    uint32_t previous, next;
    uint16_t id4;   ///< kKnown, 6->4: Identification of what is sent
    uint16_t head;  ///< kKnown: payload bytes of the first fragment
    State state;
    uint8_t protocol;  ///< of the first fragment, once it has come
    uint8_t instance;
    bool settled;
    bool gather;  ///< nothing goes on before everything is there
  };

  static std::size_t need(uint32_t slots);
  /// No more than kMaxInstances.
  bool init(Arena& arena, uint32_t slots, const net::HashKey& key, std::size_t instances);
  /// One source gets at most one part of `parts` (>= 1) of the slots, and of the records.
  void set_share(uint32_t parts) { share_ = parts; }
  /// RFC 6146 4: at least FRAGMENT_MIN, two seconds.
  void set_lifetime(std::size_t instance, uint32_t ms) { lists_[instance].lifetime_ms = ms; }

  /// Why to drop a fragment whatever its datagram is, or kNone.
  static telemetry::DropReason unfit(const net::PacketView& view);

  /// The datagram's record, or kNone. One whose time is over is dropped on the way.
  uint32_t find(const FragmentKey& key, uint32_t now_ms, telemetry::Counters& counters);
  /// As find(), for a fragment that has just come: not the record of an earlier datagram that bore
  /// the same name and is done with.
  uint32_t find_for(const FragmentKey& key, const net::PacketView& view, uint32_t now_ms,
                    telemetry::Counters& counters);
  /// A new record in state kWaiting, or kNone when there is no room.
  uint32_t open(const FragmentKey& key, uint8_t instance, uint32_t now_ms);
  Datagram& at(uint32_t datagram) { return datagrams_[datagram]; }
  /// The first fragment has been decided, and the others follow it.
  bool is_decided(uint32_t datagram) const {
    const State state = datagrams_[datagram].state;
    return state == State::kKnown || state == State::kLocal;
  }

  /// Takes note that a fragment, no duplicate, has come. Once for each; hold() does it itself.
  void note(uint32_t datagram, const net::PacketView& view);
  /// Whether a later fragment of a known datagram contradicts what has passed.
  static bool contradicts(const Datagram& d, const net::PacketView& view) {
    const uint32_t end = view.fragment_offset + view.l4_length();
    return view.fragment_offset < d.head ||
           (d.total != 0 && (end > d.total || (!view.more_fragments && end != d.total)));
  }

  enum class Fit : uint8_t { kNew, kDuplicate, kOverlap };
  /// How a fragment goes with those that are held.
  Fit fit(uint32_t datagram, const net::PacketBuf& buf, const net::PacketView& view) const;

  /// Copies a fragment that fits. False when there is no room for it.
  bool hold(uint32_t datagram, const net::PacketBuf& buf, const net::PacketView& view,
            const Released& how);
  bool complete(const Datagram& d) const { return d.total != 0 && d.bytes == d.total; }
  /// Gives a complete UDP datagram the checksum that its sender left out, in its held first
  /// fragment. False when its length field says more than is there.
  bool fill_udp_checksum(uint32_t datagram);

  /// Moves what is held to the queue.
  void release_held(uint32_t datagram);
  /// Drops what is held, and remembers to drop the rest.
  void refuse(uint32_t datagram, telemetry::Counters& counters);
  /// A known datagram's fragment passes.
  void pass(uint32_t datagram, const net::PacketView& view);
  /// The record is of no use any more. Nothing is held.
  void forget(uint32_t datagram);

  uint32_t slots() const { return slot_capacity_; }
  uint32_t slots_used() const { return slot_capacity_ - slots_free_; }
  bool has_released() const { return queue_first_ != kNone; }
  /// Writes the next fragment of the queue into `out`, as it was received. False if there is none,
  /// or `out` has no room for it (which drops it).
  bool release(net::PacketBuf& out, Released& how, telemetry::Counters& counters);

  bool has_late() const { return late_first_ != kNone; }
  /// Writes the first fragment of a datagram that was gathered in vain into `out`, as it was
  /// received. False if there is none, or `out` has no room for it (which drops it).
  bool take_late(net::PacketBuf& out);

  /// Looks at no more than `budget` records. True if more wait.
  bool expire(uint32_t now_ms, unsigned budget, telemetry::Counters& counters);

 private:
  static constexpr uint32_t kSlotBytes = 1504;  ///< even, so that checksums can go slot by slot
  static constexpr uint32_t kRecordsPerSlot = 4;

  // One fragment: a chain of slots. All but `next_slot` and `bytes` counts in the first one only.
  struct Slot {
    uint32_t next_slot;
    uint32_t next_piece;  ///< of the datagram, of the queue, or of the free list
    uint32_t length;      ///< of the packet
    uint32_t source;
    uint16_t l4_offset;
    uint16_t offset;  ///< within the datagram
    bool more;
    Released how;
    uint8_t bytes[kSlotBytes];

    uint32_t end() const { return offset + length - l4_offset; }
  };
  struct Source {
    uint64_t name;
    uint8_t family;
    uint32_t slots, records;
    uint32_t next_free;
  };
  /// In use by one family; settled records do not count.
  struct Family {
    uint32_t slots = 0, records = 0;
  };
  /// Of one instance: live records, and settled ones.
  struct Lists {
    uint32_t lifetime_ms = 2000;
    uint32_t first[2] = {kNone, kNone};
    uint32_t last[2] = {kNone, kNone};
  };

  uint64_t hash_of(const FragmentKey& key) const;
  uint64_t hash_of(uint64_t source_name, uint8_t family) const;
  static uint32_t most_of(uint32_t capacity) { return capacity - capacity / 4; }
  uint32_t part_of(uint32_t capacity) const {
    return capacity / share_ > 0 ? capacity / share_ : 1;
  }
  Family& family_of(uint32_t source) { return families_[sources_[source].family == 6]; }
  static bool is_over(const Datagram& d);
  uint32_t charge(const FragmentKey& key);
  void discharge(uint32_t source);
  bool make_room();
  void link(uint32_t datagram);
  void unlink(uint32_t datagram);
  void settle(uint32_t datagram);
  uint32_t discard(Datagram& d);
  uint32_t give_up(Datagram& d);
  bool write_piece(uint32_t piece, net::PacketBuf& out) const;
  void free_piece(uint32_t piece);
  bool same_bytes(uint32_t piece, const net::PacketBuf& buf, const net::PacketView& view) const;
  uint64_t sum(uint32_t piece, uint32_t from, uint32_t to) const;
  uint8_t* byte_at(uint32_t piece, uint32_t offset);

  Slot* slots_ = nullptr;
  Datagram* datagrams_ = nullptr;
  Source* sources_ = nullptr;
  Index by_key_, by_source_;
  net::HashKey key_;
  uint32_t slot_capacity_ = 0, slots_used_ = 0, slots_free_ = 0, free_slot_ = kNone;
  uint32_t capacity_ = 0, used_ = 0, free_datagram_ = kNone;
  uint32_t sources_used_ = 0, free_source_ = kNone;
  uint32_t queue_first_ = kNone, queue_last_ = kNone;
  uint32_t late_first_ = kNone;
  uint32_t share_ = 8;
  Family families_[2];  ///< IPv4, IPv6
  std::size_t instances_ = 0;
  Lists lists_[kMaxInstances];
};

}  // namespace isthmus::nat
