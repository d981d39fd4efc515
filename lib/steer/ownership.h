// SPDX-License-Identifier: BSD-3-Clause
// Which worker owns what: the only definition in the program.
//
// Theory of operation. A subscriber (the first bits of an IPv6 source, at most 64) falls into one
// of 2^k slots; each slot belongs to a worker. A worker only ever allocates (pool address, port)
// cells that it owns. So both directions of a session, and all sessions of a subscriber, meet on
// one worker.
//   owner6: low k bits of Toeplitz(source), with a key whose set bits lie so that only the bits
//   that
//           name the subscriber count. The same key can be given to a NIC, whose redirection index
//           is then the slot.
//   owner4: by address when every pool has at least as many addresses as there are workers: the
//           address's position, modulo workers. Otherwise by port block: the high bits of the port,
//           dealt out to workers in turn. Never the low bit: parity must survive (RFC
//           6146 3.5.1.1). Ports below 1024 are dealt in smaller blocks, so that every worker has
//           some of them, too.
// Immutable after make() but for the exceptions; read by every worker and by the control core.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "net/addr.h"
#include "steer/cell_exceptions.h"

namespace isthmus::steer {

inline constexpr unsigned kSlotBits = 7;  ///< the smallest redirection table in common NICs has 128
inline constexpr unsigned kSlots = 1u << kSlotBits;
inline constexpr unsigned kMaxWorkers = 64;

/// Consecutive IPv4 addresses of a pool, both ends included.
struct AddressRange {
  net::Ip4 first;
  net::Ip4 last;
};

enum class Mode4 : uint8_t { kByAddress, kByPortBlock };

class Ownership {
 public:
  /// A closed interval of ports.
  struct PortRange {
    uint16_t first;
    uint16_t last;
  };

  /// `workers` in 1..kMaxWorkers; `seed` randomises slots, blocks and key per start; `pool` are all
  /// pool address ranges, disjoint. Ranges of different pools must not be merged: the mode is by
  /// address only if each range has an address for each worker. `narrowest` is the smallest port
  /// range of any pool; port blocks are made small enough that each worker gets a share of it.
  /// `subscriber_bits`: how many of a source's first bits count; more than 64 count as 64.
  static Ownership make(unsigned workers, uint64_t seed, std::vector<AddressRange> pool,
                        PortRange narrowest = {1024, 65535}, unsigned subscriber_bits = 64);

  unsigned workers() const { return workers_; }
  Mode4 mode4() const { return mode4_; }

  /// Owner of an inside host. Only the bits that name its subscriber count.
  unsigned owner6(const net::Ip6& source) const { return slot_owner_[slot6(source)]; }
  /// Owner of a pool cell. `address` must be in a pool (is_pool()).
  unsigned owner4(net::Ip4 address, uint16_t port) const {
    return mode4_ == Mode4::kByAddress ? owner_of_address(address)
                                       : block_owner_[port >> block_shift_];
  }
  /// Its owner as it stands: exceptions for static bindings come first.
  unsigned owner_of_cell(net::Ip4 address, uint16_t port, uint8_t protocol) const {
    if (exceptions_->empty()) return owner4(address, port);
    const unsigned worker = exceptions_->find(address, port, protocol);
    return worker == CellExceptions::kNone ? owner4(address, port) : worker;
  }
  /// Whether one must know the port to know the owner.
  bool needs_port() const { return mode4_ == Mode4::kByPortBlock || exceptions_->has_cells(); }
  /// For the control core to change.
  CellExceptions& exceptions() { return *exceptions_; }
  bool is_pool(net::Ip4 address) const { return find_range(address.host()) != kNoRange; }

  /// The ports of `address` that `worker` owns, ascending, adjacent ones joined.
  std::vector<PortRange> ports_of(unsigned worker, net::Ip4 address) const;

  /// The 40-byte RSS key whose low kSlotBits hash bits are the slot of an IPv6 source.
  const std::array<uint8_t, 40>& rss_key6() const { return key_; }
  /// The index of a redirection table with kSlots entries under rss_key6().
  unsigned slot6(const net::Ip6& source) const {
    unsigned slot = 0;
    for (unsigned i = 0; i < toeplitz_.size(); ++i) slot ^= toeplitz_[i][source.bytes[i]];
    return slot;
  }

 private:
  static constexpr std::size_t kNoRange = ~std::size_t{0};

  Ownership() = default;
  void deal_slots(uint64_t seed);
  void make_key(uint64_t seed, unsigned subscriber_bits);
  void deal_blocks(PortRange narrowest);
  std::size_t find_range(uint32_t address) const;
  unsigned owner_of_address(net::Ip4 address) const;

  unsigned workers_ = 1;
  Mode4 mode4_ = Mode4::kByAddress;
  unsigned block_shift_ = 4;
  unsigned rotation_ = 0;    ///< owner of the first address or block
  uint64_t reciprocal_ = 0;  ///< of workers_, for modulo without division
  std::array<uint8_t, kSlots> slot_owner_{};
  std::array<uint8_t, 40> key_{};
  /// Toeplitz is linear: the hash is the XOR of one entry per source octet.
  std::array<std::array<uint8_t, 256>, 8> toeplitz_{};
  std::vector<uint8_t> block_owner_;
  std::vector<AddressRange> pool_;
  std::unique_ptr<CellExceptions> exceptions_ = std::make_unique<CellExceptions>();
  std::vector<uint32_t> first_index_;  ///< position of each range's first address
};

}  // namespace isthmus::steer
