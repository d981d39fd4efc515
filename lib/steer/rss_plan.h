// SPDX-License-Identifier: BSD-3-Clause
// Ownership as a network card can be told it: an RSS key and a redirection table.
//
// Theory of operation. The Toeplitz hash is linear: hash bit j is the XOR, over set input bits i,
// of key bit i + 31 - j. The redirection index is the low bits of the hash. A key with a single
// one-bit at p makes the index the input bits from p - 31 on, in reverse order, whatever the other
// fields are. So the owner of a packet can be looked up in the redirection table:
//   IPv6: under Ownership::rss_key6() the index is the slot of the source's subscriber.
//   IPv4, by address: one bit at 88, and the index is the last seven bits of the destination, which
//         name its owner. Fragments and ICMP have that address, too.
//   IPv4, by port block: one bit at 111, and the index is the first bits of the destination port.
//         Ports below 1024 are dealt in smaller blocks than the table can tell apart, and packets
//         without ports have index 0: such ones are handed off.
//   Both on one port: only if one key does both (Ownership::is_key_for_both()); else IPv6 has it.
// What the card gets wrong is handed off by the worker that receives it; the result is the same.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "steer/ownership.h"

namespace isthmus::steer {

/// What arrives at a port that has to find its owner.
enum class Facing : uint8_t { kInside, kOutside, kBoth };

struct RssPlan {
  std::array<uint8_t, 40> key{};
  std::vector<uint8_t> worker;  ///< by redirection index
  bool inside = false;          ///< IPv6 packets reach their owners
  bool outside = false;         ///< IPv4 packets do

  /// `entries`: a power of two, at least kSlots.
  static RssPlan make(const Ownership& ownership, Facing facing, unsigned entries);

  /// Where a card that does as it is told takes a packet; `tuple` is what it hashes: source,
  /// destination, and the ports of what has some.
  unsigned worker_of(std::span<const uint8_t> tuple) const;
};

}  // namespace isthmus::steer
