// SPDX-License-Identifier: BSD-3-Clause
// The Interface Information Object of ICMP extensions (RFC 5837, RFC 4884).
#pragma once

#include "net/addr.h"
#include "net/packet_buf.h"
#include "net/parse.h"

namespace isthmus::xlat {

/// Appends an object that bears the address `sender` (AFI 2) to the ICMPv6 error in `buf`, whose
/// checksum is right; makes the extension structure if there is none. Time Exceeded and Destination
/// Unreachable can carry it (RFC 4884 4.6); others, and messages that leave no room in the buffer,
/// stay as they are. The message may become longer than an ICMPv6 error may be: it is meant to be
/// translated next.
void add_interface_info(net::PacketBuf& buf, net::PacketView& view, const net::Ip6& sender);

}  // namespace isthmus::xlat
