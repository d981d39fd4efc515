// SPDX-License-Identifier: BSD-3-Clause
// hot path
// The translation of plain packets (net/plain.h), with the transport's checksum delta known.
//
// Theory of operation. The new header is written where the old one ends, from registers; the
// transport header stays where it is and gets its ports and its checksum. Whether the packet fits
// its path is the caller's to know.
#pragma once

#include "xlat/rewrite.h"
#include "xlat/wire.h"

namespace isthmus::xlat {

/// What of a Policy plain packets need.
struct PlainPolicy {
  ClassRule class_6to4;
  ClassRule class_4to6;
  uint16_t lowest_ipv6_mtu = net::kIp6MinMtu;

  static PlainPolicy of(const Policy& policy) {
    return {policy.class_6to4, policy.class_4to6, policy.lowest_ipv6_mtu};
  }
};

/// How much longer a plain packet is in IPv6.
inline constexpr uint32_t kPlainGrowth = sizeof(net::Ip6Header) - sizeof(net::Ip4Header);

[[gnu::always_inline]] inline void patch_plain(uint8_t* l4, uint8_t protocol, const NewPorts& ports,
                                               net::ChecksumDelta delta) {
  if (protocol == net::kProtoTcp) {
    patch_tcp(l4, ports, delta);
  } else {
    patch_udp(l4, ports, delta);
  }
}

/// RFC 7915 5.1.
[[gnu::always_inline]] inline void plain_6to4(net::PacketBuf& buf, const Rewrite4& to,
                                              const PlainPolicy& policy, IdGenerator& ids,
                                              net::ChecksumDelta delta,
                                              bool keep_hop_limit = false) {
  uint8_t* l4 = buf.data + sizeof(net::Ip6Header);
  const auto* ip = net::header_at<net::Ip6Header>(buf.data);
  const uint32_t total_length = buf.length - kPlainGrowth;
  const Ip4Fields fields{.tos = policy.class_6to4.of(ip->traffic_class()),
                         .ttl = static_cast<uint8_t>(ip->hop_limit - !keep_hop_limit),
                         .protocol = ip->next_header,
                         .total_length = static_cast<uint16_t>(total_length),
                         .id = ids.take(),
                         .flags_offset = df_for(total_length)};
  patch_plain(l4, fields.protocol, ports_of(to), delta);
  write_ip4(l4 - sizeof(net::Ip4Header), fields, to.source, to.destination);
  buf.move_start(kPlainGrowth);
}

/// Whether a plain packet may go on over a link of `mtu6` bytes as it is (RFC 7915 4.1: without DF,
/// lowest-ipv6-mtu decides).
inline bool plain_4to6_fits(const net::PacketBuf& buf, const PlainPolicy& policy, uint16_t mtu6) {
  const auto* ip = net::header_at<net::Ip4Header>(buf.data);
  const bool df = (ip->flags_offset.host() & net::kIp4DontFragment) != 0;
  const uint32_t length = buf.length + kPlainGrowth;
  return length <= mtu6 && (df || length <= policy.lowest_ipv6_mtu);
}

/// RFC 7915 4.1.
[[gnu::always_inline]] inline void plain_4to6(net::PacketBuf& buf, const Rewrite6& to,
                                              const PlainPolicy& policy, net::ChecksumDelta delta,
                                              bool keep_hop_limit = false) {
  uint8_t* l4 = buf.data + sizeof(net::Ip4Header);
  const auto* ip = net::header_at<net::Ip4Header>(buf.data);
  const Ip6Fields fields{
      .traffic_class = policy.class_4to6.of(ip->tos),
      .hop_limit = static_cast<uint8_t>(ip->ttl - !keep_hop_limit),
      .next_header = ip->protocol,
      .payload_length = static_cast<uint16_t>(buf.length - sizeof(net::Ip4Header))};
  patch_plain(l4, fields.next_header, ports_of(to), delta);
  write_ip6(l4 - sizeof(net::Ip6Header), fields, to.source, to.destination);
  buf.move_start(-static_cast<int32_t>(kPlainGrowth));
}

}  // namespace isthmus::xlat
