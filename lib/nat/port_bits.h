// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Free ports in a bitmap of 65 536: a set bit is a port in use or at rest.
#pragma once

#include <cstdint>

#include "nat/random.h"

namespace isthmus::nat {

/// The first port of [first, last] whose bit is clear, of even (parity 0) or odd ones.
inline bool find_clear(const uint64_t* used, uint32_t first, uint32_t last, unsigned parity,
                       uint32_t& port) {
  constexpr uint64_t kEvenPorts = 0x5555555555555555;
  const uint64_t wanted = kEvenPorts << parity;
  uint32_t word = first / 64;
  uint64_t clear = ~used[word] & wanted & ~uint64_t{0} << first % 64;
  while (clear == 0) {
    if (++word > last / 64) return false;
    clear = ~used[word] & wanted;
  }
  port = word * 64 + static_cast<uint32_t>(__builtin_ctzll(clear));
  return port <= last;
}

/// The same, from a random place of the range on.
inline bool pick_clear(const uint64_t* used, uint32_t first, uint32_t last, unsigned parity,
                       Random& random, uint32_t& port) {
  const uint32_t from = first + random.below(last - first + 1);
  return find_clear(used, from, last, parity, port) ||
         (from > first && find_clear(used, first, from - 1, parity, port));
}

}  // namespace isthmus::nat
