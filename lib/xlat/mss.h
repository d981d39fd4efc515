// SPDX-License-Identifier: BSD-3-Clause
// TCP MSS clamping: a SYN may announce no larger segments than pass both sides of the gateway
// whole.
#pragma once

#include "xlat/rewrite.h"

namespace isthmus::xlat {

/// The largest MSS that `policy` lets pass on `path`; 65535 if any.
uint16_t mss_limit(const Policy& policy, const Path& path);

/// Lowers the MSS option of the TCP header at `l4`, of whose segment `available` bytes are there,
/// to `limit`, and moves the checksum along. Never raises it. Without the option, or if it or what
/// stands in front of it is malformed, nothing changes.
[[gnu::cold]] void clamp_mss(uint8_t* l4, uint32_t available, uint16_t limit);

}  // namespace isthmus::xlat
