// SPDX-License-Identifier: BSD-3-Clause
// The Toeplitz hash of receive-side scaling, bit by bit. For making tables and for tests; slow.
#pragma once

#include <cstdint>
#include <span>

namespace isthmus::steer {

/// Input bit i, if set, contributes the 32 key bits that start at bit i. `key` must be four bytes
/// longer than `input`.
inline uint32_t toeplitz(std::span<const uint8_t> key, std::span<const uint8_t> input) {
  uint32_t window =
      uint32_t{key[0]} << 24 | uint32_t{key[1]} << 16 | uint32_t{key[2]} << 8 | key[3];
  uint32_t hash = 0;
  for (std::size_t i = 0; i < input.size() * 8; ++i) {
    if ((input[i / 8] >> (7 - i % 8) & 1) != 0) hash ^= window;
    const std::size_t next = i + 32;
    const unsigned bit = next / 8 < key.size() ? key[next / 8] >> (7 - next % 8) & 1u : 0u;
    window = window << 1 | bit;
  }
  return hash;
}

}  // namespace isthmus::steer
