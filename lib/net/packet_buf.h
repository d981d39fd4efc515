// SPDX-License-Identifier: BSD-3-Clause
// A packet as parsers and translators see it: one contiguous run of bytes that starts at the IP
// header, with writable room on both sides. It does not own them.
#pragma once

#include <cstdint>

namespace isthmus::net {

/// Headroom every buffer must have in front of the IP header for the worst growth: an ICMPv6 error
/// around an IPv6 packet (40 + 8), a link header and a VLAN tag (18), rounded up.
inline constexpr uint32_t kMinHeadroom = 96;

struct PacketBuf {
  uint8_t* data = nullptr;  ///< first byte of the IP header
  uint32_t length = 0;      ///< bytes from the IP header to the end of the packet
  uint16_t headroom = 0;    ///< writable bytes in front of `data`
  uint16_t tailroom = 0;    ///< writable bytes behind data + length

  /// Moves the start by `bytes`: forward if positive (drops bytes), back if negative (adds bytes).
  void move_start(int32_t bytes) {
    data += bytes;
    length = static_cast<uint32_t>(static_cast<int32_t>(length) - bytes);
    headroom = static_cast<uint16_t>(headroom + bytes);
  }
  /// Sets the length; the tail gains or gives the difference.
  void set_length(uint32_t new_length) {
    tailroom = static_cast<uint16_t>(tailroom + length - new_length);
    length = new_length;
  }
};

}  // namespace isthmus::net
