// SPDX-License-Identifier: BSD-3-Clause
// hot path
// The translation of plain packets (net/plain.h), with the transport's checksum delta known.
//
// Theory of operation. The new header is written where the old one ends, from registers; the
// transport header stays where it is and gets its checksum. Its ports are the caller's to write,
// before or after; and whether the packet fits its path is the caller's to know.
#pragma once

#include <algorithm>

#include "xlat/rewrite.h"
#include "xlat/wire.h"

namespace isthmus::xlat {

/// What of a Policy plain packets need: a ClassRule makes the first bits of the new header, the
/// version being what it sets.
struct alignas(64) PlainPolicy {
  // Of the first 64 bits, in host order.
  uint64_t keep_6to4 = uint64_t{0xff} << kTos, set_6to4 = uint64_t{0x4500} << kTos;
  uint64_t keep_4to6 = uint64_t{0xff} << kClass, set_4to6 = uint64_t{0x600} << kClass;
  uint16_t lowest_ipv6_mtu = net::kIp6MinMtu;

  static PlainPolicy of(const Policy& policy) {
    return {uint64_t{policy.class_6to4.keep} << kTos,
            uint64_t{0x4500u | policy.class_6to4.set} << kTos,
            uint64_t{policy.class_4to6.keep} << kClass,
            uint64_t{0x600u | policy.class_4to6.set} << kClass, policy.lowest_ipv6_mtu};
  }
  /// Version, header length and type of service, of the first 16 bits of an IPv6 header.
  uint64_t begin4(uint64_t start6) const {
    return (start6 << (kTos - kClassIn16) & keep_6to4) | set_6to4;
  }
  /// Version and traffic class.
  uint64_t begin6(uint64_t tos) const { return (tos << kClass & keep_4to6) | set_4to6; }

 private:
  static constexpr unsigned kTos = 48, kClass = 52, kClassIn16 = 4;  ///< their lowest bits
};

/// How much longer a plain packet is in IPv6.
inline constexpr uint32_t kPlainGrowth = sizeof(net::Ip6Header) - sizeof(net::Ip4Header);

/// A UDP packet that is plain has a checksum.
[[gnu::always_inline]] inline void patch_plain(uint8_t* l4, uint8_t protocol,
                                               net::ChecksumDelta delta) {
  if (protocol == net::kProtoTcp) {
    auto* tcp = net::header_at<net::TcpHeader>(l4);
    tcp->checksum = delta.apply(tcp->checksum);
  } else {
    auto* udp = net::header_at<net::UdpHeader>(l4);
    udp->checksum = delta.apply_udp(udp->checksum);
  }
}

/// RFC 7915 5.1. `ip` is a packet of `length` bytes; what is returned is where it begins now.
[[gnu::always_inline]] inline uint8_t* plain_6to4(uint8_t* ip6, uint32_t length, net::Ip4 source,
                                                  net::Ip4 destination, const PlainPolicy& policy,
                                                  uint16_t id, net::ChecksumDelta delta,
                                                  bool keep_hop_limit = false) {
  uint8_t* l4 = ip6 + sizeof(net::Ip6Header);
  const auto* ip = net::header_at<net::Ip6Header>(ip6);
  patch_plain(l4, ip->next_header, delta);
  const uint32_t total_length = length - kPlainGrowth;
  const uint64_t word0 =
      net::byte_swap(policy.begin4(net::load<net::Be16>(ip6).host()) |
                     uint64_t{total_length} << 32 | uint32_t{id} << 16 | df_for(total_length));
  // (Next header, hop limit) is (protocol, TTL) the other way round; what is taken from the hop
  // limit never borrows, as it is not zero.
  const uint32_t life = net::load<net::Be16>(ip6 + 6).host() - !keep_hop_limit;
  const uint64_t word1 = uint64_t{source.value.raw()} << 32 | life;
  const uint64_t sum = net::add_around(net::add_around(word0, word1), destination.value.raw());
  uint8_t* at = l4 - sizeof(net::Ip4Header);
  net::store(at, word0);
  net::store(at + 8, word1);
  net::store(at + 10, net::checksum_of(sum));
  net::store(at + 16, destination);
  return at;
}

/// Whether a plain packet of `length` bytes may go on over a link of `mtu6` bytes as it is (RFC
/// 7915 4.1: without DF, lowest-ipv6-mtu decides).
inline bool plain_4to6_fits(const uint8_t* ip4, uint32_t length, const PlainPolicy& policy,
                            uint32_t mtu6) {
  const uint32_t new_length = length + kPlainGrowth;
  // No policy has less.
  if (new_length <= std::min<uint32_t>(mtu6, net::kIp6MinMtu)) [[likely]]
    return true;
  const auto* ip = net::header_at<net::Ip4Header>(ip4);
  const bool df = (ip->flags_offset.host() & net::kIp4DontFragment) != 0;
  return new_length <= mtu6 && (df || new_length <= policy.lowest_ipv6_mtu);
}

/// RFC 7915 4.1, as plain_6to4(). The flow label is zero. `source` writes the source address where
/// it is told.
template <class Source>
[[gnu::always_inline]] inline uint8_t* plain_4to6(uint8_t* ip4, uint32_t length,
                                                  const Source& source, const net::Ip6& destination,
                                                  const PlainPolicy& policy,
                                                  net::ChecksumDelta delta,
                                                  bool keep_hop_limit = false) {
  uint8_t* l4 = ip4 + sizeof(net::Ip4Header);
  const auto* ip = net::header_at<net::Ip4Header>(ip4);
  patch_plain(l4, ip->protocol, delta);
  const uint32_t life = net::load<uint16_t>(ip4 + 8) - !keep_hop_limit;  // see plain_6to4()
  const uint64_t word0 = net::byte_swap(
      policy.begin6(ip->tos) | uint64_t{length - uint32_t{sizeof(net::Ip4Header)}} << 16 | life);
  uint8_t* at = l4 - sizeof(net::Ip6Header);
  net::store(at, word0);
  source(at + 8);
  net::store(at + 24, destination);
  return at;
}

}  // namespace isthmus::xlat
