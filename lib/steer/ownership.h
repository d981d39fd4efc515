// SPDX-License-Identifier: BSD-3-Clause
// Which worker owns what: the only definition in the program.
//
// Theory of operation. A subscriber (the first 64 bits of an IPv6 source) falls into one of 2^k
// slots; each slot belongs to a worker. A worker only ever allocates (pool address, port) cells
// that it owns. So both directions of a session, and all sessions of a subscriber, meet on one
// worker.
//   owner6: low k bits of Toeplitz(source), with a key whose set bits lie so that only the first 64
//           source bits count. The same key can be given to a NIC, whose redirection index is then
//           the slot.
//   owner4: by address when every pool has at least as many addresses as there are workers: the
//           address's position, modulo workers. Otherwise by port block: the high bits of the port.
//           Never the low bits: parity must survive (RFC 6146 3.5.1.1).
// Immutable after make(); read by every worker and by the control core.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "net/addr.h"

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
  /// `workers` in 1..kMaxWorkers; `seed` randomises slots and key per start; `pool` are all pool
  /// addresses, sorted, disjoint.
  static Ownership make(unsigned workers, uint64_t seed, std::vector<AddressRange> pool);

  unsigned workers() const { return workers_; }
  Mode4 mode4() const { return mode4_; }

  /// Owner of an inside host. Only the first 64 bits count.
  unsigned owner6(const net::Ip6& source) const;
  /// Owner of a pool cell. `address` must be in a pool (is_pool()).
  unsigned owner4(net::Ip4 address, uint16_t port) const;
  bool is_pool(net::Ip4 address) const;

  /// The ports of `address` that `worker` owns, as one closed interval per entry, ascending.
  struct PortRange {
    uint16_t first;
    uint16_t last;
  };
  std::vector<PortRange> ports_of(unsigned worker, net::Ip4 address) const;

  /// The 40-byte RSS key whose low kSlotBits hash bits are the slot of an IPv6 source.
  const std::array<uint8_t, 40>& rss_key6() const { return key_; }

 private:
  Ownership() = default;
  unsigned slot6(const net::Ip6& source) const;

  unsigned workers_ = 1;
  Mode4 mode4_ = Mode4::kByAddress;
  std::array<uint8_t, kSlots> slot_owner_{};
  std::array<uint8_t, 40> key_{};
  /// Toeplitz is linear: the hash is the XOR of one entry per source octet.
  std::array<std::array<uint8_t, 256>, 8> toeplitz_{};
  std::vector<AddressRange> pool_;
  std::vector<uint32_t> first_index_;  ///< position of each range's first address
};

}  // namespace isthmus::steer
