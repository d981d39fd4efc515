// SPDX-License-Identifier: BSD-3-Clause
// hot path
// What becomes of each ICMP type, code, pointer and MTU (RFC 7915 4.2 and 5.2, figures 3 and 6).
// Every row of the RFC's lists stands here once; what has no row is dropped silently.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "net/headers.h"

namespace isthmus::xlat {

/// How the second word of an ICMP error's header is made.
enum class Rest : uint8_t {
  kUntranslatable,  ///< no counterpart: drop silently
  kUnused,          ///< zero, but for the RFC 4884 length
  kMtu,
  kPointer,     ///< mapped by figure 3 or 6
  kNextHeader,  ///< points at the IPv6 Next Header field
};

struct IcmpMapping {
  uint8_t type = 0;
  uint8_t code = 0;
  Rest rest = Rest::kUntranslatable;
};

// ---- errors, IPv4 -> IPv6 (RFC 7915 4.2)

inline constexpr IcmpMapping kNoRoute6{net::kIcmp6Unreachable, 0, Rest::kUnused};
inline constexpr IcmpMapping kProhibited6{net::kIcmp6Unreachable, 1, Rest::kUnused};

inline constexpr std::array<IcmpMapping, 16> kUnreachable4to6{{
    kNoRoute6,                                        // 0 net unreachable
    kNoRoute6,                                        // 1 host unreachable
    {net::kIcmp6ParamProblem, 1, Rest::kNextHeader},  // 2 protocol unreachable
    {net::kIcmp6Unreachable, 4, Rest::kUnused},       // 3 port unreachable
    {net::kIcmp6PacketTooBig, 0, Rest::kMtu},         // 4 fragmentation needed
    kNoRoute6,                                        // 5 source route failed
    kNoRoute6,                                        // 6 destination network unknown
    kNoRoute6,                                        // 7 destination host unknown
    kNoRoute6,                                        // 8 source host isolated
    kProhibited6,                                     // 9 network administratively prohibited
    kProhibited6,                                     // 10 host administratively prohibited
    kNoRoute6,                                        // 11 network unreachable for TOS
    kNoRoute6,                                        // 12 host unreachable for TOS
    kProhibited6,                                     // 13 administratively prohibited
    {},                                               // 14 host precedence violation
    kProhibited6,                                     // 15 precedence cutoff
}};

constexpr IcmpMapping map_error_4to6(uint8_t type, uint8_t code) {
  switch (type) {
    case net::kIcmp4Unreachable:
      return code < kUnreachable4to6.size() ? kUnreachable4to6[code] : IcmpMapping{};
    case net::kIcmp4TimeExceeded:
      return code <= 1 ? IcmpMapping{net::kIcmp6TimeExceeded, code, Rest::kUnused} : IcmpMapping{};
    case net::kIcmp4ParamProblem:
      // Code 0 points at the error, code 2 is a bad length; 1 (missing option) has no counterpart.
      return code == 0 || code == 2 ? IcmpMapping{net::kIcmp6ParamProblem, 0, Rest::kPointer}
                                    : IcmpMapping{};
    default: return {};
  }
}

// ---- errors, IPv6 -> IPv4 (RFC 7915 5.2)

inline constexpr std::array<IcmpMapping, 5> kUnreachable6to4{{
    {net::kIcmp4Unreachable, 1, Rest::kUnused},   // 0 no route to destination
    {net::kIcmp4Unreachable, 10, Rest::kUnused},  // 1 administratively prohibited
    {net::kIcmp4Unreachable, 1, Rest::kUnused},   // 2 beyond scope of source address
    {net::kIcmp4Unreachable, 1, Rest::kUnused},   // 3 address unreachable
    {net::kIcmp4Unreachable, 3, Rest::kUnused},   // 4 port unreachable
}};

constexpr IcmpMapping map_error_6to4(uint8_t type, uint8_t code) {
  switch (type) {
    case net::kIcmp6Unreachable:
      return code < kUnreachable6to4.size() ? kUnreachable6to4[code] : IcmpMapping{};
    case net::kIcmp6PacketTooBig:  // "Code: set to 0 by the originator and ignored" (RFC 4443 3.2)
      return {net::kIcmp4Unreachable, 4, Rest::kMtu};
    case net::kIcmp6TimeExceeded:
      return code <= 1 ? IcmpMapping{net::kIcmp4TimeExceeded, code, Rest::kUnused} : IcmpMapping{};
    case net::kIcmp6ParamProblem:
      if (code == 0) return {net::kIcmp4ParamProblem, 0, Rest::kPointer};
      if (code == 1) return {net::kIcmp4Unreachable, 2, Rest::kUnused};
      return {};
    default: return {};
  }
}

// ---- queries

constexpr uint8_t map_query_4to6(uint8_t type) {
  return type == net::kIcmp4Echo ? net::kIcmp6Echo : net::kIcmp6EchoReply;
}
constexpr uint8_t map_query_6to4(uint8_t type) {
  return type == net::kIcmp6Echo ? net::kIcmp4Echo : net::kIcmp4EchoReply;
}

// ---- pointers (RFC 7915 figures 3 and 6); -1: not applicable or not listed, drop

inline constexpr std::array<int8_t, 20> kPointer4to6{
    0,  1,           // version, IHL; type of service
    4,  4,           // total length
    -1, -1, -1, -1,  // identification, flags, fragment offset
    7,  6,           // time to live; protocol
    -1, -1,          // header checksum
    8,  8,  8,  8,   // source
    24, 24, 24, 24,  // destination
};
inline constexpr std::array<int8_t, 40> kPointer6to4{
    0,  1,   // version, traffic class; traffic class, flow label
    -1, -1,  // flow label
    2,  2,   // payload length
    9,  8,   // next header; hop limit
    12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12,  // source
    16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,  // destination
};

constexpr int map_pointer_4to6(uint32_t pointer) {
  return pointer < kPointer4to6.size() ? kPointer4to6[pointer] : -1;
}
constexpr int map_pointer_6to4(uint32_t pointer) {
  return pointer < kPointer6to4.size() ? kPointer6to4[pointer] : -1;
}

// ---- MTUs

/// RFC 1191 7: MTUs of common links, to guess from where a router does not tell.
inline constexpr std::array<uint16_t, 11> kPlateaus{65535, 32000, 17914, 8166, 4352, 2002,
                                                    1492,  1006,  508,   296,  68};

/// The IPv6 MTU for an ICMPv4 "fragmentation needed" that reports `reported` about a packet of
/// `inner_length` bytes (RFC 7915 4.2, code 4).
constexpr uint32_t ptb_mtu(uint16_t reported, uint32_t inner_length, uint32_t mtu4, uint32_t mtu6) {
  uint32_t mtu = reported;
  if (mtu == 0) {
    // "the greatest plateau value that is less than the returned Total Length field, but that is
    // larger than or equal to 1280"; if none is, the maximum() below makes it 1280.
    for (const uint16_t plateau : kPlateaus) {
      if (plateau >= inner_length) continue;
      mtu = plateau >= net::kIp6MinMtu ? plateau : 0;
      break;
    }
  }
  return std::max<uint32_t>(net::kIp6MinMtu, std::min({mtu + 20, mtu6, mtu4 + 20}));
}

/// The IPv4 MTU for an ICMPv6 "packet too big". `growth` is what the packet in error gained on its
/// way to IPv6: 20, or 28 if it has a fragment header (RFC 7915 5.2; conflict C19).
constexpr uint16_t fn_mtu(uint32_t reported, uint32_t growth, uint32_t mtu4, uint32_t mtu6) {
  // No IPv6 link is smaller than 1280 (RFC 8200 5): a lower report is taken for that.
  const uint32_t mtu = std::max<uint32_t>(reported, net::kIp6MinMtu);
  const uint32_t egress = std::max<uint32_t>(mtu6, net::kIp6MinMtu);
  return static_cast<uint16_t>(std::min({mtu - growth, mtu4, egress - growth}));
}

}  // namespace isthmus::xlat
