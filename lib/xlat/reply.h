// SPDX-License-Identifier: BSD-3-Clause
// hot path
// How the translators refuse a packet: drop it, or answer its sender.
#pragma once

#include "xlat/icmp_error.h"
#include "xlat/rewrite.h"

namespace isthmus::xlat {

constexpr Outcome drop(DropReason reason) {
  return {Action::kDrop, reason, 0};
}

/// Answers the IPv4 (IPv6) packet in `buf` with an ICMP error if it may be answered, else drops it.
[[gnu::cold]] Outcome answer4(net::PacketBuf& buf, const net::PacketView& view,
                              const ErrorSpec& spec, const Path& path, DropReason reason);
[[gnu::cold]] Outcome answer6(net::PacketBuf& buf, const net::PacketView& view,
                              const ErrorSpec& spec, const Path& path, DropReason reason);

}  // namespace isthmus::xlat
