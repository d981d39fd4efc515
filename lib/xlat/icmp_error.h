// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors that the gateway itself originates (RFC 4443 2.4, RFC 1812 4.3.2).
#pragma once

#include <cstdint>

#include "net/addr.h"
#include "net/packet_buf.h"
#include "net/parse.h"

namespace isthmus::xlat {

/// What to tell the sender: type and code of the offending packet's own family.
struct ErrorSpec {
  uint8_t type = 0;
  uint8_t code = 0;
  uint32_t value = 0;  ///< MTU, or pointer; host order
};

/// Whether the offending packet may be answered with an error at all: not if it is an ICMP error,
/// goes to or comes from something other than a single unicast host, or is a later fragment (RFC
/// 1812 4.3.2.7, RFC 4443 2.4 e).
bool may_answer(const net::PacketBuf& offending, const net::PacketView& view);

// Turn the offending packet in `buf` into the ICMP error about it, in place: the quote is cut so
// that the message is at most 576 bytes (ICMPv4, RFC 1812 4.3.2.3) or 1280 bytes (ICMPv6, RFC
// 4443 2.4 c). Headroom, packet and tailroom together must hold the new headers (28, 48 bytes).
void make_error4(net::PacketBuf& buf, const ErrorSpec& spec, net::Ip4 own);
void make_error6(net::PacketBuf& buf, const ErrorSpec& spec, const net::Ip6& own);

/// Token bucket for originated errors (RFC 4443 2.4 f). Single owner; time in milliseconds.
class RateLimiter {
 public:
  RateLimiter() = default;
  RateLimiter(uint32_t per_second, uint32_t burst) { set(per_second, burst); }
  /// New limits; the bucket is full if they differ from the old ones.
  void set(uint32_t per_second, uint32_t burst) {
    if (per_second == per_second_ && burst * 1000u == burst_milli_) return;
    per_second_ = per_second;
    level_milli_ = burst_milli_ = burst * 1000u;
  }
  bool allow(uint32_t now_ms);

 private:
  uint32_t per_second_ = 0;
  uint32_t burst_milli_ = 0;
  uint32_t level_milli_ = 0;
  uint32_t last_ms_ = 0;
};

}  // namespace isthmus::xlat
