// SPDX-License-Identifier: BSD-3-Clause
// Packets but for what the gateway draws.
#pragma once

#include "packets/builder.h"

namespace isthmus::test {

/// All but the Identification of an IPv4 header and its checksum.
inline Bytes without_identification(Bytes packet) {
  if (packet[0] >> 4 == 4) {
    for (const std::size_t at : {4, 5, 10, 11}) packet[at] = 0;
  }
  return packet;
}

}  // namespace isthmus::test
