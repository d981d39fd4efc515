// SPDX-License-Identifier: BSD-3-Clause
// Splits a translated packet into fragments: IPv4 packets with DF clear, and IPv6 packets that
// already carry a fragment header (RFC 791 3.2, RFC 8200 4.5).
#pragma once

#include <cstdint>

#include "net/packet_buf.h"

namespace isthmus::xlat {

class Splitter {
 public:
  /// `whole` must stay alive; `mtu` is the largest fragment, IP header included.
  Splitter(const net::PacketBuf& whole, uint16_t mtu);

  /// Bytes the next fragment needs, or 0 when all are made.
  uint32_t next_length() const;
  /// Writes the next fragment to `out` (next_length() bytes).
  void write_next(uint8_t* out);

 private:
  const uint8_t* header_;
  const uint8_t* payload_;
  uint32_t header_length_;
  uint32_t payload_length_;
  uint32_t step_;  ///< payload bytes a fragment, a multiple of 8
  uint32_t done_ = 0;
  uint32_t first_offset_;  ///< fragment offset of the whole packet, in bytes
  bool more_;              ///< the whole packet's own M flag
  bool v6_;
};

}  // namespace isthmus::xlat
