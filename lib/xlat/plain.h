// SPDX-License-Identifier: BSD-3-Clause
// hot path
// The translation of plain packets (net/plain.h), with the transport's checksum delta known.
//
// Theory of operation. The new header is written where the old one ends, from registers; the
// transport header stays where it is and gets its checksum. Its ports are the caller's to write,
// before or after; and whether the packet fits its path is the caller's to know.
#pragma once

#include "xlat/rewrite.h"
#include "xlat/wire.h"

namespace isthmus::xlat {

/// What of a Policy plain packets need.
struct alignas(8) PlainPolicy {
  ClassRule class_6to4;
  ClassRule class_4to6;
  uint16_t lowest_ipv6_mtu = net::kIp6MinMtu;

  static PlainPolicy of(const Policy& policy) {
    return {policy.class_6to4, policy.class_4to6, policy.lowest_ipv6_mtu};
  }
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
  const uint32_t total_length = length - kPlainGrowth;
  const Ip4Fields fields{.tos = policy.class_6to4.of(ip->traffic_class()),
                         .ttl = static_cast<uint8_t>(ip->hop_limit - !keep_hop_limit),
                         .protocol = ip->next_header,
                         .total_length = static_cast<uint16_t>(total_length),
                         .id = id,
                         .flags_offset = df_for(total_length)};
  patch_plain(l4, fields.protocol, delta);
  write_ip4(l4 - sizeof(net::Ip4Header), fields, source, destination);
  return l4 - sizeof(net::Ip4Header);
}

/// Whether a plain packet of `length` bytes may go on over a link of `mtu6` bytes as it is (RFC
/// 7915 4.1: without DF, lowest-ipv6-mtu decides).
inline bool plain_4to6_fits(const uint8_t* ip4, uint32_t length, const PlainPolicy& policy,
                            uint32_t mtu6) {
  const auto* ip = net::header_at<net::Ip4Header>(ip4);
  const bool df = (ip->flags_offset.host() & net::kIp4DontFragment) != 0;
  return length + kPlainGrowth <= mtu6 && (df || length + kPlainGrowth <= policy.lowest_ipv6_mtu);
}

/// RFC 7915 4.1, as plain_6to4().
[[gnu::always_inline]] inline uint8_t* plain_4to6(
    uint8_t* ip4, uint32_t length, const net::Ip6& source, const net::Ip6& destination,
    const PlainPolicy& policy, net::ChecksumDelta delta, bool keep_hop_limit = false) {
  uint8_t* l4 = ip4 + sizeof(net::Ip4Header);
  const auto* ip = net::header_at<net::Ip4Header>(ip4);
  const Ip6Fields fields{.traffic_class = policy.class_4to6.of(ip->tos),
                         .hop_limit = static_cast<uint8_t>(ip->ttl - !keep_hop_limit),
                         .next_header = ip->protocol,
                         .payload_length = static_cast<uint16_t>(length - sizeof(net::Ip4Header))};
  patch_plain(l4, fields.next_header, delta);
  write_ip6(l4 - sizeof(net::Ip6Header), fields, source, destination);
  return l4 - sizeof(net::Ip6Header);
}

}  // namespace isthmus::xlat
