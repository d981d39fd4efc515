// SPDX-License-Identifier: BSD-3-Clause
// IPv4 header checksums would hide everything behind them from random input.
#pragma once

#include <cstddef>
#include <cstdint>

#include "net/checksum.h"
#include "net/headers.h"

namespace isthmus::test {

/// Makes the checksum of the IPv4 header at `packet` right, if one of `length` bytes may be there.
inline void mend_header4(uint8_t* packet, std::size_t length) {
  if (length < 20 || packet[0] >> 4 != 4) return;
  auto* ip = net::header_at<net::Ip4Header>(packet);
  if (ip->header_length() < 20 || ip->header_length() > length) return;
  ip->checksum = net::Be16(0);
  ip->checksum = net::checksum_of(net::sum_bytes(packet, ip->header_length()));
}

}  // namespace isthmus::test
