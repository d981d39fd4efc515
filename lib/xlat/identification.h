// SPDX-License-Identifier: BSD-3-Clause
// IPv4 Identifications (RFC 7915 5.1, RFC 6864 4.3).
//
// Theory of operation. What leaves in fragments takes the next number of its (source, destination,
// protocol), so that none comes back before all have been used, whoever inside sends. The counters
// lie in a table by hash; flows that share one merely run through their numbers faster. Whole
// packets take theirs from one counter: a table would cost each of them a cache miss, for a number
// that means nothing unless somebody later fragments 1260 bytes. Each kind has half of the numbers,
// and workers that share pool addresses divide both halves, so that no two ever give the same. One
// generator belongs to one worker.
#pragma once

#include <bit>
#include <cstdint>

#include "net/addr.h"
#include "net/hash.h"

namespace isthmus::xlat {

struct IdGenerator {
  static constexpr uint32_t kFlows = 1024;
  static constexpr uint16_t kFragmented = 0x8000;

  uint32_t next = 0;
  uint16_t mask = 0xffff;
  uint16_t base = 0;
  net::HashKey key{};
  uint16_t flow[kFlows] = {};

  /// The numbers of the `part`th of `parts` generators for the same addresses.
  void divide(unsigned part, unsigned parts) {
    const int bits = 15 - static_cast<int>(std::bit_width(parts - 1));
    mask = static_cast<uint16_t>((1u << bits) - 1);
    base = static_cast<uint16_t>(part << bits);
  }

  /// For a packet that leaves whole.
  uint16_t take() { return static_cast<uint16_t>(base | (next++ & mask)); }
  /// The first of `count` in a row, each for one such packet; no more than there are.
  uint16_t take(uint32_t count) {
    if ((next & mask) + count > mask + 1u) next = (next | mask) + 1;
    const auto first = static_cast<uint16_t>(base | (next & mask));
    next += count;
    return first;
  }
  /// For a datagram that leaves in fragments.
  uint16_t take_for(net::Ip4 source, net::Ip4 destination, uint8_t protocol) {
    const uint64_t addresses = uint64_t{source.value.raw()} << 32 | destination.value.raw();
    const uint64_t hash = net::hash_words(key, addresses, protocol);
    const uint64_t number = (hash >> 32) + flow[hash % kFlows]++;
    return static_cast<uint16_t>(kFragmented | base | (number & mask));
  }
};

}  // namespace isthmus::xlat
