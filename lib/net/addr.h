// SPDX-License-Identifier: BSD-3-Clause
// Addresses, prefixes, and their texts.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "net/be.h"

namespace isthmus::net {

/// An IPv4 address in network byte order.
struct Ip4 {
  Be32 value{};

  static constexpr Ip4 from_host(uint32_t host) { return Ip4{Be32(host)}; }
  constexpr uint32_t host() const { return value.host(); }
  friend constexpr bool operator==(Ip4 a, Ip4 b) { return a.value == b.value; }
  friend constexpr bool operator<(Ip4 a, Ip4 b) { return a.host() < b.host(); }
};
static_assert(sizeof(Ip4) == 4);

/// An IPv6 address in network byte order.
struct Ip6 {
  std::array<uint8_t, 16> bytes{};

  /// The two halves as raw (wire-order) words, for hashing and comparing.
  uint64_t raw_high() const { return word(0); }
  uint64_t raw_low() const { return word(8); }

  friend bool operator==(const Ip6& a, const Ip6& b) {
    return a.raw_high() == b.raw_high() && a.raw_low() == b.raw_low();
  }
  friend bool operator<(const Ip6& a, const Ip6& b) { return a.bytes < b.bytes; }

 private:
  uint64_t word(int offset) const {
    uint64_t v;
    std::memcpy(&v, bytes.data() + offset, sizeof v);
    return v;
  }
};
static_assert(sizeof(Ip6) == 16);

/// Whether a packet from `a` may not be forwarded, ever: "this network", loopback, multicast, class
/// E and broadcast (RFC 1812 5.3.7; RFC 7915 4.1 "illegal source address").
constexpr bool is_illegal_source(Ip4 a) {
  const uint32_t first = a.host() >> 24;
  return first - 1 >= 223 || first == 127;
}

/// The same for IPv6: unspecified, loopback, and whatever else has no address bits up high
/// (IPv4-mapped), multicast, link-local (RFC 4291 2.5.2, 2.5.3, 2.5.6; RFC 7915 5.1).
inline bool is_illegal_source(const Ip6& a) {
  return a.raw_high() == 0 || a.bytes[0] == 0xff ||
         (a.bytes[0] == 0xfe && (a.bytes[1] & 0xc0) == 0x80);
}

/// An IPv4 prefix; bits beyond `length` are zero.
struct Ip4Prefix {
  Ip4 address;
  uint8_t length = 0;

  constexpr uint32_t mask() const { return length == 0 ? 0 : ~uint32_t{0} << (32 - length); }
  constexpr bool contains(Ip4 a) const { return (a.host() & mask()) == address.host(); }
  constexpr bool contains(const Ip4Prefix& p) const {
    return p.length >= length && contains(p.address);
  }
  /// Number of addresses; 2^32 for /0.
  constexpr uint64_t size() const { return uint64_t{1} << (32 - length); }
  friend constexpr bool operator==(const Ip4Prefix&, const Ip4Prefix&) = default;
};

/// An IPv6 prefix; bits beyond `length` are zero.
struct Ip6Prefix {
  Ip6 address;
  uint8_t length = 0;

  bool contains(const Ip6& a) const;
  bool contains(const Ip6Prefix& p) const { return p.length >= length && contains(p.address); }
  friend bool operator==(const Ip6Prefix&, const Ip6Prefix&) = default;
};

struct Mac {
  std::array<uint8_t, 6> bytes{};
  friend bool operator==(const Mac&, const Mac&) = default;
};

// Texts. Parsers accept the canonical forms of inet_pton and nothing else: no surrounding space, no
// missing octets. Prefixes are "ADDRESS/LENGTH"; set host bits are an error, since they are nearly
// always a typing mistake.
std::optional<Ip4> parse_ip4(std::string_view text);
std::optional<Ip6> parse_ip6(std::string_view text);
std::optional<Ip4Prefix> parse_ip4_prefix(std::string_view text);
std::optional<Ip6Prefix> parse_ip6_prefix(std::string_view text);
std::optional<Mac> parse_mac(std::string_view text);
std::string to_string(Ip4 address);
std::string to_string(const Ip6& address);
std::string to_string(const Ip4Prefix& prefix);
std::string to_string(const Ip6Prefix& prefix);
std::string to_string(const Mac& mac);

/// The prefix of `length` bits that contains `address`.
Ip6Prefix prefix_of(const Ip6& address, uint8_t length);

}  // namespace isthmus::net
