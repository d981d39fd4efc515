// SPDX-License-Identifier: BSD-3-Clause
// RFC 7915 header translation, in place, both ways.
//
// Theory of operation. The caller has parsed the packet and decided which addresses and ports the
// translated packet bears (a Rewrite4 or Rewrite6); it has looked up the route of the new
// destination and knows both sides' MTU and its own addresses (a Path). These functions replace the
// network header, map ICMP, and update checksums by difference. They hold no state but the IPv4
// Identification generator that the caller lends. The packet's payload is never touched, so a
// packet of any size costs the same. When a packet may not go on, the function either says why to
// drop it or turns the buffer into the ICMP error that its sender is owed.
#pragma once

#include <cstdint>

#include "net/addr.h"
#include "net/checksum.h"
#include "net/packet_buf.h"
#include "net/parse.h"
#include "xlat/identification.h"
#include "xlat/policy.h"

namespace isthmus::xlat {

using net::DropReason;

/// The two sides of the gateway for one packet.
struct Path {
  uint16_t mtu4 = 1500;  ///< IPv4 side: of the next hop if it is the egress, else of the ingress
  uint16_t mtu6 = 1500;  ///< IPv6 side, likewise
  net::Ip4 own4;         ///< source of ICMPv4 errors we originate; unset: originate none
  net::Ip6 own6;         ///< source of ICMPv6 errors we originate; unset: originate none
};

/// The addresses and ports of the IPv4 packet to make. `ports` false leaves transport ports alone
/// (stateless translation). For an ICMP query both ports hold the identifier.
struct Rewrite4 {
  net::Ip4 source;
  net::Ip4 destination;
  net::Be16 source_port{};       ///< or ICMP identifier
  net::Be16 destination_port{};  ///< or ICMP identifier
  bool ports = false;
};

/// The addresses and ports of the IPv6 packet to make.
struct Rewrite6 {
  net::Ip6 source;
  net::Ip6 destination;
  net::Be16 source_port{};
  net::Be16 destination_port{};
  bool ports = false;
};

enum class Action : uint8_t {
  kForward,  ///< buf holds the translated packet; send it to the route already looked up
  kSplit,    ///< as kForward, but it must be split to `split_mtu` first (xlat/split.h)
  kReply,    ///< buf holds an ICMP error for the original sender: route it by its destination
  kDrop,
};

struct Outcome {
  Action action = Action::kDrop;
  DropReason reason = DropReason::kNone;  ///< for kDrop and kReply
  uint16_t split_mtu = 0;                 ///< for kSplit: largest fragment, IP header included
};

/// Options of one call.
struct Hints {
  bool keep_hop_limit = false;  ///< second half of a hairpin: one decrement in all (conflict C7)
  /// Precomputed delta of addresses and ports, for TCP and UDP; used if `has_delta`. Without it the
  /// delta is computed from the packet.
  bool has_delta = false;
  net::ChecksumDelta delta;
  /// Length of the whole ICMP message that `view` is a fragment of. The ICMPv6 pseudo-header holds
  /// it and no single fragment knows it, so without it fragments of ICMP are dropped (RFC
  /// 7915 1.2).
  uint32_t icmp_length = 0;
};

// Transport packets and ICMP queries, whole or fragments (RFC 7915 4.1, 5.1). `view` describes
// `buf`. Checked here: source address, hop limit, source route, size; a packet that fails is as it
// was when it is dropped, and whole inside the ICMP error when it is answered.
Outcome rewrite_6to4(net::PacketBuf& buf, const net::PacketView& view, const Rewrite4& to,
                     const Policy& policy, const Path& path, IdGenerator& ids,
                     const Hints& hints = {});
Outcome rewrite_4to6(net::PacketBuf& buf, const net::PacketView& view, const Rewrite6& to,
                     const Policy& policy, const Path& path, const Hints& hints = {});

// ICMP errors (RFC 7915 4.2-4.3, 5.2-5.3). `inner` says what the quoted packet's addresses and
// ports become; `inner_view` describes the quoted packet, whose offsets count from its own IP
// header, which stands at view.l4_offset + 8. RFC 4884 extensions are kept where the target type
// can carry them.
Outcome rewrite_error_6to4(net::PacketBuf& buf, const net::PacketView& view, const Rewrite4& outer,
                           const net::PacketView& inner_view, const Rewrite4& inner,
                           const Policy& policy, const Path& path, IdGenerator& ids,
                           const Hints& hints = {});
Outcome rewrite_error_4to6(net::PacketBuf& buf, const net::PacketView& view, const Rewrite6& outer,
                           const net::PacketView& inner_view, const Rewrite6& inner,
                           const Policy& policy, const Path& path, const Hints& hints = {});

/// Finds and parses the packet quoted in the ICMP error `view` of `buf`, without its RFC 4884
/// extension. kIcmpUntranslatable when the error has no counterpart (RFC 7915 4.2, 5.2); kFragment
/// when it is a fragment; kIcmpInner when the quote is unusable: too short, its IPv4 header
/// checksum wrong (RFC 5508 3a), or itself an ICMP error (RFC 6146 3.4).
DropReason parse_quoted(const net::PacketBuf& buf, const net::PacketView& view,
                        net::PacketView& inner_view);

/// Whether the ICMP checksum of an ICMP error is right (RFC 5508 3: otherwise drop silently).
bool icmp_checksum_ok(const net::PacketBuf& buf, const net::PacketView& view);

}  // namespace isthmus::xlat
