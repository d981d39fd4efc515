// SPDX-License-Identifier: BSD-3-Clause
// Keyed hashing for tables. A folded 64x64 multiply per 16 bytes: as cheap as CRC32 but, unlike
// CRC, not linear, so a sender who does not know the key cannot aim at one bucket.
#pragma once

#include <cstdint>
#include <type_traits>

#include "net/addr.h"

namespace isthmus::net {

/// Secret words drawn at start.
struct HashKey {
  uint64_t a = 0x2d358dccaa6c78a5;
  uint64_t b = 0x8bb84b93962eacc9;  ///< odd
  uint64_t c = 0x4b33a62ed433d4a3;
};

struct Product {
  uint64_t low, high;
};
// g++ 12 keeps a 128-bit product in a pair of registers, and in loops that are short of them writes
// it to memory and reads it back: 14 instructions for the hash of a flow. What `mul` leaves in two
// separate ones it leaves there.
constexpr Product multiply(uint64_t x, uint64_t y) {
  if (std::is_constant_evaluated()) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(x) * y;
    return {static_cast<uint64_t>(product), static_cast<uint64_t>(product >> 64)};
  }
  Product out{};
  asm("mulq %3" : "=a"(out.low), "=d"(out.high) : "%0"(x), "r"(y) : "cc");
  return out;
}

/// High and low half of the 128-bit product, folded together.
constexpr uint64_t multiply_fold(uint64_t x, uint64_t y) {
  const Product product = multiply(x, y);
  return product.low ^ product.high;
}

constexpr uint64_t hash_words(const HashKey& key, uint64_t w0, uint64_t w1) {
  return multiply_fold(multiply_fold(w0 ^ key.a, w1 ^ key.b) ^ key.c, key.b);
}

constexpr uint64_t hash_words(const HashKey& key, uint64_t w0, uint64_t w1, uint64_t w2) {
  return multiply_fold(multiply_fold(w0 ^ key.a, w1 ^ key.b) ^ key.c, w2 ^ key.a);
}

inline uint64_t hash_ip6(const HashKey& key, const Ip6& address, uint64_t extra) {
  return hash_words(key, address.raw_high(), address.raw_low(), extra);
}

}  // namespace isthmus::net
