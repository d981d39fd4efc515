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

/// `length`: of the transport header and what follows, and as it stands on the wire. What a UDP
/// header says must be just that.
[[gnu::always_inline]] inline bool is_plain_transport(uint8_t protocol, const uint8_t* l4,
                                                      uint32_t length, Be16 on_wire) {
  if (protocol == kProtoUdp) {
    const auto* udp = header_at<UdpHeader>(l4);
    return length >= sizeof(UdpHeader) && udp->length == on_wire && udp->checksum.raw() != 0;
  }
  if (protocol != kProtoTcp || length < sizeof(TcpHeader)) return false;
  const auto* tcp = header_at<TcpHeader>(l4);
  const uint32_t header = (tcp->data_offset >> 4) * 4u;
  return header >= sizeof(TcpHeader) && header <= length && (tcp->flags & kTcpSyn) == 0;
}

/// What the first octet of a plain packet is, under a mask.
template <int kFamily>
struct PlainStart {
  static constexpr uint8_t kOctet = kFamily == 6 ? 0x60 : 0x45;
  static constexpr uint8_t kMask = kFamily == 6 ? 0xf0 : 0xff;
};

/// The length of the plain packet of the family at `ip`, whose first octet is one's, of which
/// `available` bytes are there (at least those of the shortest IPv4 packet with UDP; the rest may
/// be link padding). 0: not plain.
template <int kFamily>
uint32_t plain_length(const uint8_t* ip, uint32_t available);

template <>
[[gnu::always_inline]] inline uint32_t plain_length<6>(const uint8_t* at, uint32_t available) {
  constexpr uint32_t kHeader = sizeof(Ip6Header);
  const auto* ip = header_at<Ip6Header>(at);
  const uint32_t payload = ip->payload_length.host();
  const bool plain = kHeader + payload <= available && ip->hop_limit >= 2 &&
                     is_plain_transport(ip->next_header, at + kHeader, payload, ip->payload_length);
  return plain ? kHeader + payload : 0;
}

template <>
[[gnu::always_inline]] inline uint32_t plain_length<4>(const uint8_t* at, uint32_t available) {
  constexpr uint32_t kHeader = sizeof(Ip4Header);
  const auto* ip = header_at<Ip4Header>(at);
  const uint32_t total = ip->total_length.host();
  const uint32_t payload = total - kHeader;
  const bool plain =
      total >= kHeader && total <= available &&
      (ip->flags_offset.host() & (kIp4MoreFragments | kIp4OffsetMask)) == 0 && ip->ttl >= 2 &&
      ip4_header_adds_up(at) &&
      is_plain_transport(ip->protocol, at + kHeader, payload, Be16(static_cast<uint16_t>(payload)));
  return plain ? total : 0;
}

}  // namespace isthmus::net
