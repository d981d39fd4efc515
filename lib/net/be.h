// SPDX-License-Identifier: BSD-3-Clause
// Big-endian integers as types of their own. There is no implicit conversion to or from host
// integers: an assignment between the two could silently mean "copy" or "swap".
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

namespace isthmus::net {

static_assert(std::endian::native == std::endian::little, "written for little-endian hosts");

constexpr uint16_t byte_swap(uint16_t v) {
  return __builtin_bswap16(v);
}
constexpr uint32_t byte_swap(uint32_t v) {
  return __builtin_bswap32(v);
}
constexpr uint64_t byte_swap(uint64_t v) {
  return __builtin_bswap64(v);
}

/// An unsigned integer in network byte order. Trivially copyable; may lie in packet bytes.
template <class T>
class [[gnu::packed]] BigEndian {
 public:
  BigEndian() = default;
  /// From a host-order value.
  explicit constexpr BigEndian(T host_value) : raw_(byte_swap(host_value)) {}
  /// From bytes as they stand on the wire.
  static constexpr BigEndian from_raw(T raw) {
    BigEndian v{};
    v.raw_ = raw;
    return v;
  }

  constexpr T host() const { return byte_swap(raw_); }
  /// The bytes as they stand on the wire, read as an integer; for hashing and checksums.
  constexpr T raw() const { return raw_; }

  friend constexpr bool operator==(BigEndian a, BigEndian b) { return a.raw_ == b.raw_; }
  friend constexpr bool operator<(BigEndian a, BigEndian b) { return a.host() < b.host(); }

 private:
  T raw_;
};

using Be16 = BigEndian<uint16_t>;
using Be32 = BigEndian<uint32_t>;
using Be64 = BigEndian<uint64_t>;

static_assert(sizeof(Be16) == 2 && sizeof(Be32) == 4 && sizeof(Be64) == 8);
static_assert(std::is_trivially_copyable_v<Be32> && std::is_standard_layout_v<Be32>);

}  // namespace isthmus::net
