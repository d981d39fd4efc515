// SPDX-License-Identifier: BSD-3-Clause
// UDP without a checksum (RFC 7915 4.5, RFC 6146 3.4; IPv6: RFC 8200 8.1, RFC 6936).
#pragma once

#include "xlat/rewrite.h"
#include "xlat/wire.h"

namespace isthmus::xlat {

/// Whether `view` shows a UDP header whose checksum is zero.
inline bool is_udp_zero(const net::PacketBuf& buf, const net::PacketView& view) {
  return view.payload == net::Payload::kUdp &&
         net::header_at<net::UdpHeader>(buf.data + view.l4_offset)->checksum.raw() == 0;
}

/// Does what `policy` says: sets the ports and, to compute, the checksum over the new addresses,
/// whose sum is `addresses`. kNone, or the reason to drop. A lone fragment cannot be summed.
[[gnu::cold]] DropReason settle_udp_zero(net::PacketBuf& buf, const net::PacketView& view,
                                         UdpZero policy, uint64_t addresses, const NewPorts& ports);

}  // namespace isthmus::xlat
