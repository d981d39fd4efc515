// SPDX-License-Identifier: BSD-3-Clause
// hot path
// The packets that nearly all packets are, recognised without a full parse.
//
// Theory of operation. A plain packet is a whole TCP or UDP packet right behind an IP header
// without options or extension headers, with nothing to refuse and nothing rare about it: lengths
// agree, it may live one hop more, its source is a host's; if UDP, it has a checksum; if TCP, it
// opens and closes nothing. What is_plain() accepts, parse4() and parse6() accept too; what it does
// not, they decide about. So it may be ignorant, but never wrong.
#pragma once

#include <cstdint>
#include <cstring>

#include "net/addr.h"
#include "net/checksum.h"
#include "net/headers.h"
#include "net/packet_buf.h"

namespace isthmus::net {

template <class T>
T load(const uint8_t* at) {
  T word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

/// `length`: of the transport header and what follows.
[[gnu::always_inline]] inline bool is_plain_transport(uint8_t protocol, const uint8_t* l4,
                                                      uint32_t length) {
  if (protocol == kProtoUdp) {
    const auto* udp = header_at<UdpHeader>(l4);
    const uint32_t own = udp->length.host();
    return own >= sizeof(UdpHeader) && own <= length && udp->checksum.raw() != 0;
  }
  if (protocol != kProtoTcp || length < sizeof(TcpHeader)) return false;
  const auto* tcp = header_at<TcpHeader>(l4);
  const uint32_t header = (tcp->data_offset >> 4) * 4u;
  return header >= sizeof(TcpHeader) && header <= length &&
         (tcp->flags & (kTcpFin | kTcpSyn | kTcpRst)) == 0;
}

/// Whether `buf` holds a plain packet of the family; if so, link padding is trimmed.
template <int kFamily>
bool is_plain(PacketBuf& buf);

template <>
[[gnu::always_inline]] inline bool is_plain<6>(PacketBuf& buf) {
  constexpr uint32_t kHeader = sizeof(Ip6Header);
  const auto* ip = header_at<Ip6Header>(buf.data);
  const uint32_t payload = ip->payload_length.host();
  if (buf.data[0] >> 4 != 6 || payload < sizeof(UdpHeader) || kHeader + payload > buf.length ||
      ip->hop_limit < 2 || is_illegal_source(ip->source) ||
      !is_plain_transport(ip->next_header, buf.data + kHeader, payload)) {
    return false;
  }
  buf.set_length(kHeader + payload);
  return true;
}

template <>
[[gnu::always_inline]] inline bool is_plain<4>(PacketBuf& buf) {
  constexpr uint32_t kHeader = sizeof(Ip4Header);
  const auto* ip = header_at<Ip4Header>(buf.data);
  const uint32_t total = ip->total_length.host();
  if (ip->version_ihl != 0x45 || total < kHeader + sizeof(UdpHeader) || total > buf.length ||
      (ip->flags_offset.host() & (kIp4MoreFragments | kIp4OffsetMask)) != 0 || ip->ttl < 2 ||
      is_illegal_source(ip->source) || fold(sum_bytes(ip, kHeader)) != 0xffff ||
      !is_plain_transport(ip->protocol, buf.data + kHeader, total - kHeader)) {
    return false;
  }
  buf.set_length(total);
  return true;
}

}  // namespace isthmus::net
