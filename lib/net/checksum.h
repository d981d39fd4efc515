// SPDX-License-Identifier: BSD-3-Clause
// The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
//
// Transit checksums are only ever updated by the difference between old and new fields, so that a
// checksum that was wrong stays wrong by the same amount. Sums are over raw (wire-order) words:
// one's complement addition commutes with byte order.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "net/addr.h"
#include "net/be.h"

namespace isthmus::net {

/// Folds a one's complement sum to 16 bits. Adding a word to its own rotation leaves in the upper
/// half the sum of both halves, end-around carry included.
constexpr uint16_t fold(uint64_t sum) {
  const auto half = static_cast<uint32_t>((sum + std::rotr(sum, 32)) >> 32);
  return static_cast<uint16_t>((half + std::rotr(half, 16)) >> 16);
}

/// Unfolded one's complement sum of `length` bytes; an odd last byte is padded with zero.
inline uint64_t sum_bytes(const void* data, std::size_t length, uint64_t sum = 0) {
  const auto* p = static_cast<const uint8_t*>(data);
  for (; length >= 4; p += 4, length -= 4) {
    uint32_t word;
    std::memcpy(&word, p, sizeof word);
    sum += word;
  }
  if (length >= 2) {
    uint16_t word;
    std::memcpy(&word, p, sizeof word);
    sum += word;
    p += 2;
    length -= 2;
  }
  if (length == 1) sum += *p;
  return sum;
}

template <class T>
T load(const uint8_t* at) {
  T word;
  std::memcpy(&word, at, sizeof word);
  return word;
}
template <class T>
void store(uint8_t* at, const T& word) {
  std::memcpy(at, &word, sizeof word);
}

/// One's complement sum of 64-bit words, as much as fold() needs.
inline uint64_t add_around(uint64_t a, uint64_t b) {
  uint64_t sum;
  const bool carry = __builtin_add_overflow(a, b, &sum);
  return sum + carry;
}

/// Whether the checksum of an IPv4 header without options is right. It is not all zero.
inline bool ip4_header_adds_up(const uint8_t* ip) {
  const uint64_t words = add_around(load<uint64_t>(ip), load<uint64_t>(ip + 8));
  // What fold() makes 0xffff of. Compilers divide by one multiplication.
  return add_around(words, load<uint32_t>(ip + 16)) % 0xffff == 0;
}

inline uint64_t sum_of(Be16 v) {
  return v.raw();
}
inline uint64_t sum_of(Ip4 a) {
  return a.value.raw();
}
inline uint64_t sum_of(const Ip6& a) {
  return sum_bytes(a.bytes.data(), a.bytes.size());
}

/// Pseudo-header sums. `length` is the upper-layer packet length in bytes (not the fragment's).
inline uint64_t pseudo_sum4(Ip4 source, Ip4 destination, uint8_t protocol, uint32_t length) {
  return sum_of(source) + sum_of(destination) + Be16(protocol).raw() +
         byte_swap(length);  // a 32-bit word holds the length in its low half in both families
}
inline uint64_t pseudo_sum6(const Ip6& source, const Ip6& destination, uint8_t protocol,
                            uint32_t length) {
  return sum_of(source) + sum_of(destination) + Be16(protocol).raw() + byte_swap(length);
}

/// The checksum field for a complete sum (RFC 1071).
constexpr Be16 checksum_of(uint64_t sum) {
  return Be16::from_raw(static_cast<uint16_t>(~fold(sum)));
}

/// A change of summed fields: "new minus old", ready to be applied to any checksum that covers
/// them. Deltas add up; the negation undoes.
class ChecksumDelta {
 public:
  constexpr ChecksumDelta() = default;
  static constexpr ChecksumDelta from_raw(uint16_t raw) {
    ChecksumDelta d;
    d.delta_ = raw;
    return d;
  }
  constexpr uint16_t raw() const { return delta_; }

  /// Accounts for `old_sum` being replaced by `new_sum` (both unfolded sums).
  static constexpr ChecksumDelta between(uint64_t old_sum, uint64_t new_sum) {
    ChecksumDelta d;
    d.delta_ = fold(uint64_t{fold(new_sum)} + static_cast<uint16_t>(~fold(old_sum)));
    return d;
  }
  constexpr ChecksumDelta operator+(ChecksumDelta other) const {
    return from_raw(fold(uint64_t{delta_} + other.delta_));
  }
  constexpr ChecksumDelta operator-() const { return from_raw(static_cast<uint16_t>(~delta_)); }

  /// RFC 1624 equation 3: HC' = ~(~HC + ~m + m'). As a difference with end-around borrow, which is
  /// the same in every bit (0 and ffff included).
  constexpr Be16 apply(Be16 checksum) const {
    uint16_t difference;
    const bool borrow = __builtin_sub_overflow(checksum.raw(), delta_, &difference);
    return Be16::from_raw(static_cast<uint16_t>(difference - borrow));
  }
  /// As apply(), for UDP, where 0 on the wire means "no checksum": a result of 0 is sent as ffff
  /// (RFC 768).
  constexpr Be16 apply_udp(Be16 checksum) const {
    const Be16 updated = apply(checksum);
    return updated.raw() == 0 ? Be16::from_raw(0xffff) : updated;
  }

 private:
  uint16_t delta_ = 0;
};

}  // namespace isthmus::net
