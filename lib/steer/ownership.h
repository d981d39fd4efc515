// SPDX-License-Identifier: BSD-3-Clause
// Which worker owns what: the only definition in the program.
//
// Theory of operation. A subscriber (the first bits of an IPv6 source, at most 64) falls into one
// of 2^k slots; each slot belongs to a worker. A worker only ever allocates (pool address, port)
// cells that it owns. So both directions of a session, and all sessions of a subscriber, meet on
// one worker.
//   owner6: low k bits of Toeplitz(source), with a key whose set bits lie so that only the bits of
//           a subscriber's prefix count, 64 at most. The same key can be given to a NIC, whose
//           redirection index is then the slot (steer/rss_plan.h).
//   owner4: by address when every range of every pool has an address for each worker: the low k
//           bits of the address, modulo workers, so that a NIC can be told that too. Otherwise by
//           port block: the high bits of
//           the port, dealt out to workers in turn. Never the low bit: parity must survive (RFC
//           6146 3.5.1.1). Ports below 1024 are dealt in smaller blocks, so that every worker has
//           some of them, too. A cell of a deterministic pool is the subscriber's who has it, and
//           so its owner's: the mapping does not depend on workers, so ownership follows it.
// Neither depends on what else is in the pools, so these may change while packets flow. How
// addresses are divided is settled at start.
//   One key for both: where subscribers are /64s and addresses are owned whole, a key with bits in
//   the right places makes the same function of bits 32..63 of an IPv6 source and of an IPv4
//   destination, which have the same place in what a NIC hashes. If it can be chosen so that all
//   pool addresses of now agree, slots are dealt such that it serves both families on one port.
// Immutable after make() but for the exceptions that
// static bindings make; read by every worker and by the control core.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "net/addr.h"
#include "steer/cell_exceptions.h"
#include "steer/deterministic.h"

namespace isthmus::steer {

inline constexpr unsigned kSlotBits = 7;  ///< the smallest redirection table in common NICs has 128
inline constexpr unsigned kSlots = 1u << kSlotBits;
inline constexpr unsigned kMaxWorkers = 64;

/// The same bits in reverse order: what the Toeplitz hash makes of them.
constexpr unsigned reverse_slot(unsigned slot) {
  unsigned out = 0;
  for (unsigned bit = 0; bit < kSlotBits; ++bit) out = out << 1 | (slot >> bit & 1);
  return out;
}

enum class Mode4 : uint8_t { kByAddress, kByPortBlock };

class Ownership {
 public:
  /// A closed interval of ports.
  struct PortRange {
    uint16_t first;
    uint16_t last;
  };

  /// What ownership respects beside addresses.
  struct Rules {
    /// The smallest port range of any pool; blocks are made so small that each worker has a share.
    PortRange narrowest{1024, 65535};
    /// The largest block that a pool grants as a whole; a power of two. No worker gets less.
    unsigned largest_block = 1;
    uint8_t subscriber_length = 64;  ///< of the IPv6 prefix that makes a subscriber
    std::vector<DeterministicMap> deterministic{};
  };

  /// `workers` in 1..kMaxWorkers; `seed` randomises slots, blocks and key per start; `pool` are all
  /// pool address ranges. Ranges of different pools must not be merged: the mode is by address only
  /// if each range has an address for each worker.
  static Ownership make(unsigned workers, uint64_t seed, const std::vector<AddressRange>& pool,
                        Rules rules);
  static Ownership make(unsigned workers, uint64_t seed, const std::vector<AddressRange>& pool) {
    return make(workers, seed, pool, Rules{});
  }

  unsigned workers() const { return workers_; }
  Mode4 mode4() const { return mode4_; }

  /// Owner of an inside host. Only its subscriber's prefix counts, and of that the first 64 bits.
  unsigned owner6(const net::Ip6& source) const { return slot_owner_[slot6(source)]; }
  /// Owner of a pool cell.
  unsigned owner4(net::Ip4 address, uint16_t port) const {
    if (!deterministic_.empty()) {
      const unsigned owner = owner_of_deterministic(address, port);
      if (owner != kNobody) return owner;
    }
    return owner_by_place(address, port);
  }
  /// Its owner as it stands: exceptions for static bindings come first.
  unsigned owner_of_cell(net::Ip4 address, uint16_t port, uint8_t protocol) const {
    if (exceptions_->empty()) return owner4(address, port);
    const unsigned worker = exceptions_->find(address, port, protocol);
    return worker == CellExceptions::kNone ? owner4(address, port) : worker;
  }
  /// Owner of what a protocol without ports exchanges with a remote host, where addresses are not
  /// owned whole.
  unsigned owner_of_remote(net::Ip4 remote, uint8_t protocol) const;
  /// For the control core to change.
  CellExceptions& exceptions() { return *exceptions_; }
  /// Whether the cells of one address may have different owners.
  bool is_divided(net::Ip4 address) const {
    return mode4_ == Mode4::kByPortBlock || exceptions_->has_cells() || map_of(address) != nullptr;
  }
  /// Whether is_divided() may be true of any address.
  bool divides() const { return mode4_ == Mode4::kByPortBlock || !deterministic_.empty(); }
  const std::vector<DeterministicMap>& deterministic() const { return deterministic_; }

  /// Owner of a cell of any pool that is not deterministic.
  unsigned owner_by_place(net::Ip4 address, uint16_t port) const {
    return mode4_ == Mode4::kByAddress ? owner_of_address(address)
                                       : block_owner_[port >> block_shift_];
  }

  /// The ports of `address`, in no deterministic pool, that `worker` owns, ascending, adjacent ones
  /// joined.
  std::vector<PortRange> ports_of(unsigned worker, net::Ip4 address) const;

  /// The 40-byte RSS key whose low kSlotBits hash bits are the slot of an IPv6 source.
  const std::array<uint8_t, 40>& rss_key6() const { return key_; }
  /// Whether the same hash of an IPv4 destination that is a pool's is a slot of its owner.
  bool is_key_for_both() const { return key_for_both_; }
  unsigned owner_of_slot(unsigned slot) const { return slot_owner_[slot]; }
  /// The index of a redirection table with kSlots entries under rss_key6().
  unsigned slot6(const net::Ip6& source) const {
    unsigned slot = 0;
    for (unsigned i = 0; i < toeplitz_.size(); ++i) slot ^= toeplitz_[i][source.bytes[i]];
    return slot;
  }

 private:
  static constexpr unsigned kNobody = ~0u;

  Ownership() = default;
  void deal_slots(uint64_t seed);
  bool covers(const AddressRange& range) const;
  void make_key(uint64_t seed, unsigned bits);
  bool make_key_for_both(uint64_t seed, const std::vector<AddressRange>& pool);
  void make_tables();
  void deal_blocks(PortRange narrowest, unsigned largest);
  unsigned owner_of_address(net::Ip4 address) const;
  unsigned owner_of_deterministic(net::Ip4 address, uint16_t port) const;
  const DeterministicMap* map_of(net::Ip4 address) const;

  unsigned workers_ = 1;
  Mode4 mode4_ = Mode4::kByAddress;
  unsigned block_shift_ = 4;
  unsigned rotation_ = 0;    ///< owner of the first address or block
  uint64_t reciprocal_ = 0;  ///< of workers_, for modulo without division
  bool key_for_both_ = false;
  uint64_t remote_key_ = 0;  ///< nobody outside knows which remotes share a worker
  std::array<uint8_t, kSlots> slot_owner_{};
  std::array<uint8_t, 40> key_{};
  /// Toeplitz is linear: the hash is the XOR of one entry per source octet.
  std::array<std::array<uint8_t, 256>, 8> toeplitz_{};
  std::vector<uint8_t> block_owner_;
  std::unique_ptr<CellExceptions> exceptions_ = std::make_unique<CellExceptions>();
  std::vector<DeterministicMap> deterministic_;
};

}  // namespace isthmus::steer
