// SPDX-License-Identifier: BSD-3-Clause
// SipHash-2-4 (Aumasson, Bernstein 2012): a keyed hash that strangers cannot guess or invert. RFC
// 9018 4.4 names it for DNS cookies.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

namespace isthmus::dns64 {

using SipKey = std::array<uint64_t, 2>;

inline uint64_t siphash(const SipKey& key, std::span<const uint8_t> data) {
  static_assert(std::endian::native == std::endian::little);
  uint64_t a = key[0] ^ 0x736f6d6570736575, b = key[1] ^ 0x646f72616e646f6d;
  uint64_t c = key[0] ^ 0x6c7967656e657261, d = key[1] ^ 0x7465646279746573;
  const auto rounds = [&](int count) {
    while (count-- > 0) {
      a += b, c += d;
      b = std::rotl(b, 13) ^ a, d = std::rotl(d, 16) ^ c;
      a = std::rotl(a, 32);
      c += b, a += d;
      b = std::rotl(b, 17) ^ c, d = std::rotl(d, 21) ^ a;
      c = std::rotl(c, 32);
    }
  };
  for (std::size_t at = 0;; at += 8) {
    const bool last = data.size() - at < 8;
    uint64_t word = last ? uint64_t{data.size()} << 56 : 0;
    if (const std::size_t left = last ? data.size() - at : 8; left > 0) {
      std::memcpy(&word, data.data() + at, left);
    }
    d ^= word;
    rounds(2);
    a ^= word;
    if (last) break;
  }
  c ^= 0xff;
  rounds(4);
  return a ^ b ^ c ^ d;
}

}  // namespace isthmus::dns64
