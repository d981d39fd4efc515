// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Sixteen octets of which some are fixed: how a frame begins, an IPv6 prefix. One comparison in
// vector registers.
#pragma once

#include <smmintrin.h>

#include <array>
#include <cstdint>
#include <cstring>

namespace isthmus::net {

class Pattern {
 public:
  using Octets = std::array<uint8_t, 16>;

  /// What nothing is like.
  Pattern() = default;
  /// What is like `octets` in all bits of `mask`.
  Pattern(const Octets& octets, const Octets& mask)
      : wanted_(_mm_and_si128(load(octets.data()), load(mask.data()))), mask_(load(mask.data())) {}
  /// What begins with the first `count` of `octets`.
  static Pattern begins(const Octets& octets, unsigned count) {
    Octets mask{};
    std::memset(mask.data(), 0xff, count);
    return {octets, mask};
  }

  [[gnu::always_inline]] bool holds(const uint8_t* at) const {
    const __m128i differ = _mm_xor_si128(_mm_and_si128(load(at), mask_), wanted_);
    return _mm_testz_si128(differ, differ) != 0;
  }

 private:
  static __m128i load(const uint8_t* at) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  }

  __m128i wanted_ = _mm_set1_epi8(1);  // outside the mask, so no octets are like it
  __m128i mask_ = _mm_setzero_si128();
};

}  // namespace isthmus::net
