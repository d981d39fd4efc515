// SPDX-License-Identifier: BSD-3-Clause
// hot path
#include "net/parse.h"

#include "net/checksum.h"

namespace isthmus::net {
namespace {

// Enough for one of each header in the order RFC 8200 4.1 recommends, with destination options
// twice.
constexpr int kMaxExtensionHeaders = 8;

constexpr uint8_t kOptionEnd = 0;
constexpr uint8_t kOptionNop = 1;
constexpr uint8_t kOptionLsrr = 131;
constexpr uint8_t kOptionSsrr = 137;

DropReason parse_tcp(const uint8_t* l4, uint32_t available, Extent extent, PacketView& view) {
  const auto* tcp = header_at<TcpHeader>(l4);
  view.payload = Payload::kTcp;
  view.source_port = tcp->source_port;
  view.destination_port = tcp->destination_port;
  if (extent == Extent::kQuoted) return DropReason::kNone;
  if (available < sizeof(TcpHeader)) return DropReason::kTruncated;
  const uint32_t header_length = (tcp->data_offset >> 4) * 4u;
  // A first fragment may end inside the options, never inside the fixed header (RFC 6146 3.4).
  if (header_length < sizeof(TcpHeader) || (header_length > available && !view.more_fragments)) {
    return DropReason::kBadLength;
  }
  view.tcp_flags = tcp->flags;
  return DropReason::kNone;
}

DropReason parse_udp(const uint8_t* l4, uint32_t available, Extent extent, PacketView& view) {
  const auto* udp = header_at<UdpHeader>(l4);
  view.payload = Payload::kUdp;
  view.source_port = udp->source_port;
  view.destination_port = udp->destination_port;
  if (extent == Extent::kQuoted) return DropReason::kNone;
  const uint32_t length = udp->length.host();
  if (length < sizeof(UdpHeader)) return DropReason::kBadLength;
  if (length > available && !view.more_fragments) return DropReason::kBadLength;
  return DropReason::kNone;
}

bool is_error4(uint8_t type) {
  return type == kIcmp4Unreachable || type == kIcmp4SourceQuench || type == kIcmp4Redirect ||
         type == kIcmp4TimeExceeded || type == kIcmp4ParamProblem;
}

void parse_icmp(const uint8_t* l4, PacketView& view) {
  const auto* icmp = header_at<IcmpHeader>(l4);
  view.icmp_type = icmp->type;
  view.icmp_code = icmp->code;
  const bool v4 = view.family == 4;
  if (v4 ? icmp->type == kIcmp4Echo || icmp->type == kIcmp4EchoReply
         : icmp->type == kIcmp6Echo || icmp->type == kIcmp6EchoReply) {
    view.payload = Payload::kIcmpQuery;
    view.source_port = view.destination_port = icmp->echo.identifier;
  } else if (v4 ? is_error4(icmp->type) : icmp->type < 128) {
    view.payload = Payload::kIcmpError;
  } else {
    view.payload = Payload::kIcmpOther;
  }
}

DropReason parse_transport(const PacketBuf& buf, Extent extent, PacketView& view) {
  // RFC 791 3.2, RFC 8200 4.5: no fragment may reach beyond the largest packet.
  if (view.fragment_offset + view.l4_length() > 65535) return DropReason::kBadLength;
  if (view.fragment_offset != 0) {
    view.payload = Payload::kFragment;
    return DropReason::kNone;
  }
  const uint8_t icmp = view.family == 4 ? kProtoIcmp4 : kProtoIcmp6;
  if (view.protocol != kProtoTcp && view.protocol != kProtoUdp && view.protocol != icmp) {
    view.payload = Payload::kOther;
    return DropReason::kNone;
  }
  // All three have at least eight bytes, and in a quote exactly that many are promised.
  const uint32_t available = buf.length - view.l4_offset;
  if (available < 8 || view.l4_length() < 8) return DropReason::kTruncated;
  const uint8_t* l4 = buf.data + view.l4_offset;
  if (view.protocol == kProtoTcp) return parse_tcp(l4, available, extent, view);
  if (view.protocol == kProtoUdp) return parse_udp(l4, available, extent, view);
  parse_icmp(l4, view);
  return DropReason::kNone;
}

// RFC 791 3.1, RFC 7915 4.1: options are ignored but for a source route that is not yet used up.
DropReason scan_options4(const uint8_t* options, uint32_t length, PacketView& view) {
  for (uint32_t at = 0; at < length;) {
    const uint8_t type = options[at];
    if (type == kOptionEnd) break;
    if (type == kOptionNop) {
      ++at;
      continue;
    }
    if (at + 2 > length) return DropReason::kBadLength;
    const uint32_t size = options[at + 1];
    if (size < 2 || at + size > length) return DropReason::kBadLength;
    if (type == kOptionLsrr || type == kOptionSsrr) {
      if (size < 3) return DropReason::kBadLength;
      if (options[at + 2] <= size) view.source_route = true;
    }
    at += size;
  }
  return DropReason::kNone;
}

// Walks the extension headers from offset 40. On return view.protocol and view.l4_offset name the
// first header that is not one.
DropReason walk_extensions(const PacketBuf& buf, uint8_t next, Extent extent, PacketView& view) {
  uint32_t at = sizeof(Ip6Header);
  for (int count = 0;; ++count) {
    const bool fragment = next == kProtoFragment;
    if (next != kProtoHopByHop && next != kProtoRouting && next != kProtoDestOpts && !fragment) {
      break;
    }
    if (count == kMaxExtensionHeaders) return DropReason::kExtHeader;
    if (at + 8 > buf.length) return DropReason::kTruncated;
    const uint8_t* header = buf.data + at;
    if (fragment) {
      const auto* f = header_at<Ip6FragmentHeader>(header);
      view.has_fragment_header = true;
      view.fragment_header = static_cast<uint16_t>(at);
      view.fragment_offset = f->offset_flags.host() & 0xfff8;
      view.more_fragments = (f->offset_flags.host() & 1) != 0;
      view.fragment_id = f->identification.host();
      next = f->next_header;
      at += sizeof(Ip6FragmentHeader);
      // RFC 7915 5.1.1: a fragmented extension header (ESP is none) SHOULD be dropped and logged.
      // RFC 8200 4.5: only what the first fragment says counts.
      const bool counts = view.fragment_offset == 0 || extent == Extent::kQuoted;
      if (counts && is_extension_header(next)) return DropReason::kExtHeader;
      break;
    }
    if (next == kProtoRouting && header[3] != 0 && !view.source_route) {
      view.source_route = true;
      view.segments_left_at = static_cast<uint16_t>(at + 3);
    }
    next = header[0];
    at += (header[1] + 1u) * 8u;
    if (at > buf.length) return DropReason::kTruncated;
  }
  view.protocol = next;
  view.l4_offset = static_cast<uint16_t>(at);
  return DropReason::kNone;
}

}  // namespace

DropReason parse4(PacketBuf& buf, PacketView& view, Extent extent) {
  view = PacketView{};
  view.family = 4;
  if (buf.length < sizeof(Ip4Header)) return DropReason::kTruncated;
  const auto* ip = header_at<Ip4Header>(buf.data);
  if (ip->version_ihl >> 4 != 4) return DropReason::kBadVersion;
  const auto header_length = static_cast<uint32_t>(ip->header_length());
  view.total_length = ip->total_length.host();
  if (header_length < sizeof(Ip4Header) || header_length > view.total_length) {
    return DropReason::kBadLength;
  }
  if (header_length > buf.length) return DropReason::kTruncated;
  if (extent == Extent::kWhole) {
    if (view.total_length > buf.length) return DropReason::kTruncated;
    if (fold(sum_bytes(ip, header_length)) != 0xffff) return DropReason::kBadChecksum4;
    buf.set_length(view.total_length);
  }
  view.protocol = ip->protocol;
  view.l4_offset = static_cast<uint16_t>(header_length);
  const uint16_t flags_offset = ip->flags_offset.host();
  view.more_fragments = (flags_offset & kIp4MoreFragments) != 0;
  view.fragment_offset = static_cast<uint16_t>((flags_offset & kIp4OffsetMask) * 8);
  view.fragment_id = ip->identification.host();
  if (header_length > sizeof(Ip4Header)) {
    const auto reason =
        scan_options4(buf.data + sizeof(Ip4Header),
                      header_length - static_cast<uint32_t>(sizeof(Ip4Header)), view);
    if (reason != DropReason::kNone) return reason;
  }
  return parse_transport(buf, extent, view);
}

DropReason parse6(PacketBuf& buf, PacketView& view, Extent extent) {
  view = PacketView{};
  view.family = 6;
  if (buf.length < sizeof(Ip6Header)) return DropReason::kTruncated;
  const auto* ip = header_at<Ip6Header>(buf.data);
  if (buf.data[0] >> 4 != 6) return DropReason::kBadVersion;
  view.total_length = static_cast<uint32_t>(sizeof(Ip6Header)) + ip->payload_length.host();
  if (extent == Extent::kWhole) {
    if (view.total_length > buf.length) return DropReason::kTruncated;
    buf.set_length(view.total_length);
  }
  const auto reason = walk_extensions(buf, ip->next_header, extent, view);
  if (reason != DropReason::kNone) return reason;
  if (view.l4_offset > view.total_length) return DropReason::kBadLength;
  return parse_transport(buf, extent, view);
}

DropReason parse_ip(PacketBuf& buf, PacketView& view, Extent extent) {
  if (buf.length == 0) return DropReason::kTruncated;
  switch (buf.data[0] >> 4) {
    case 4: return parse4(buf, view, extent);
    case 6: return parse6(buf, view, extent);
    default: return DropReason::kBadVersion;
  }
}

}  // namespace isthmus::net
