// SPDX-License-Identifier: BSD-3-Clause
// From bytes to a PacketView, in one pass, with every bound checked here and nowhere else.
//
// Theory of operation. parse4() and parse6() walk the headers of one packet and note where things
// are. Later stages trust the view: if it says kUdp, eight bytes of UDP header lie at l4_offset.
// The same walk serves packets quoted in ICMP errors, where the tail may be missing: there only the
// first eight bytes of the transport header are guaranteed (RFC 792, 4443), which hold ports or
// identifier and, for UDP and ICMP, the checksum.
#pragma once

#include <cstdint>

#include "net/headers.h"
#include "net/packet_buf.h"
#include "telemetry/drop_reason.h"

namespace isthmus::net {

using telemetry::DropReason;

/// What follows the IP headers.
enum class Payload : uint8_t {
  kTcp,
  kUdp,
  kIcmpQuery,  ///< echo request or reply: the identifier stands in both ports
  kIcmpError,  ///< ICMPv4 3, 4, 5, 11, 12; ICMPv6 types below 128
  kIcmpOther,
  kOther,     ///< another transport protocol
  kFragment,  ///< not the first fragment: no transport header here
};

struct PacketView {
  uint8_t family = 0;    ///< 4 or 6
  uint8_t protocol = 0;  ///< upper-layer protocol as on the wire (58 for ICMPv6)
  Payload payload = Payload::kOther;
  uint8_t tcp_flags = 0;
  uint8_t icmp_type = 0;
  uint8_t icmp_code = 0;
  bool more_fragments = false;
  bool has_fragment_header = false;  ///< IPv6 only
  bool source_route = false;     ///< unexpired LSRR/SSRR, or routing header with Segments Left != 0
  uint16_t l4_offset = 0;        ///< from the IP header to the transport header
  uint16_t fragment_offset = 0;  ///< in bytes
  uint16_t fragment_header = 0;  ///< IPv6: offset of the fragment header
  uint16_t segments_left_at = 0;  ///< IPv6: offset of a non-zero Segments Left octet
  Be16 source_port{};             ///< or ICMP identifier
  Be16 destination_port{};        ///< or ICMP identifier
  uint32_t fragment_id = 0;       ///< host order; 16 bits in IPv4
  /// Packet length by its own header. Equals PacketBuf::length for whole packets; may exceed it for
  /// quoted ones.
  uint32_t total_length = 0;

  bool is_fragment() const { return more_fragments || fragment_offset != 0; }
  bool is_first_fragment() const { return more_fragments && fragment_offset == 0; }
  /// Bytes from the transport header to the end of the packet, by the packet's own header.
  uint32_t l4_length() const { return total_length - l4_offset; }
};

enum class Extent : uint8_t {
  kWhole,   ///< a packet from the wire: it must be complete
  kQuoted,  ///< the packet inside an ICMP error: its tail may be missing
};

/// Parses the packet in `buf`. On success (kNone) `view` is complete and, for whole packets, `buf`
/// is trimmed to the packet's own length (link padding goes). Otherwise the reason to drop it.
DropReason parse4(PacketBuf& buf, PacketView& view, Extent extent = Extent::kWhole);
DropReason parse6(PacketBuf& buf, PacketView& view, Extent extent = Extent::kWhole);

/// Parses by the version nibble.
DropReason parse_ip(PacketBuf& buf, PacketView& view, Extent extent = Extent::kWhole);

}  // namespace isthmus::net
