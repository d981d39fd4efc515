// SPDX-License-Identifier: BSD-3-Clause
// hot path
// The packets that nearly all packets are, recognised without a full parse.
//
// Theory of operation. A plain packet is a whole TCP or UDP packet right behind an IP header
// without options or extension headers, with nothing to refuse and nothing rare about it: lengths
// agree, it may live one hop more; if UDP, it has a checksum; if TCP, it opens nothing.
// What plain_length() accepts, parse4() and parse6() accept too; what it does not, they decide
// about. So it may be ignorant, but never wrong. Whether the source may be one is left to who knows
// it: a session's has been looked at when the session began.
#pragma once

#include <cstdint>
#include <cstring>

#include "net/addr.h"
#include "net/checksum.h"
#include "net/headers.h"

namespace isthmus::net {

/// `length`: of the transport header and what follows; negative if not even the IP header is whole.
/// What a UDP header says must be just that.
[[gnu::always_inline]] inline bool is_plain_transport(uint8_t protocol, const uint8_t* l4,
                                                      int32_t length) {
  if (protocol == kProtoUdp) {
    const auto* udp = header_at<UdpHeader>(l4);
    return length >= int32_t{sizeof(UdpHeader)} && udp->length.host() == length &&
           udp->checksum.raw() != 0;
  }
  if (protocol != kProtoTcp || length < int32_t{sizeof(TcpHeader)}) return false;
  const auto* tcp = header_at<TcpHeader>(l4);
  const int32_t header = (tcp->data_offset >> 4) * 4;
  return header >= int32_t{sizeof(TcpHeader)} && header <= length && (tcp->flags & kTcpSyn) == 0;
}

/// What the first octet of a plain packet is, under a mask.
template <int kFamily>
struct PlainStart {
  static constexpr uint8_t kOctet = kFamily == 6 ? 0x60 : 0x45;
  static constexpr uint8_t kMask = kFamily == 6 ? 0xf0 : 0xff;
};

[[gnu::always_inline]] inline uint32_t plain_length6(const uint8_t* at, uint32_t available,
                                                     uint32_t link) {
  constexpr uint32_t kHeader = sizeof(Ip6Header);
  const auto* ip = header_at<Ip6Header>(at);
  const uint32_t payload = ip->payload_length.host();
  const bool plain =
      link + kHeader + payload <= available && ip->hop_limit >= 2 &&
      is_plain_transport(ip->next_header, at + kHeader, static_cast<int32_t>(payload));
  return plain ? kHeader + payload : 0;
}

[[gnu::always_inline]] inline uint32_t plain_length4(const uint8_t* at, uint32_t available,
                                                     uint32_t link) {
  constexpr uint32_t kHeader = sizeof(Ip4Header);
  const auto* ip = header_at<Ip4Header>(at);
  const uint32_t total = ip->total_length.host();
  const bool plain =
      link + total <= available &&
      (ip->flags_offset.host() & (kIp4MoreFragments | kIp4OffsetMask)) == 0 && ip->ttl >= 2 &&
      ip4_header_adds_up(at) &&
      is_plain_transport(ip->protocol, at + kHeader, static_cast<int32_t>(total - kHeader));
  return plain ? total : 0;
}

/// The length of the plain packet of the family at `ip`, whose first octet is one's. Of the frame
/// that it begins in after kLink bytes `available` are there, some of which may be padding; if they
/// are too few for its headers, there is other memory behind them. 0: not plain.
template <int kFamily, uint32_t kLink = 0>
[[gnu::always_inline]] inline uint32_t plain_length(const uint8_t* ip, uint32_t available) {
  return kFamily == 6 ? plain_length6(ip, available, kLink) : plain_length4(ip, available, kLink);
}

}  // namespace isthmus::net
