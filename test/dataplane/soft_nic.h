// SPDX-License-Identifier: BSD-3-Clause
// Ring ports as network cards that spread packets by RSS.
//
// Theory of operation. The linker sends the calls by which a port is asked for RSS and told about
// it here (meson.build), for all ports of the program. What the gateway writes is kept, and
// queue_of() does with it what a card does: Toeplitz, by DPDK's own rte_softrss(), over addresses,
// and ports where a whole TCP or UDP packet shows them, and the redirection table. Between two
// gateways the card may be made another one.
#pragma once

#include <cstdint>
#include <string>

#include "packets/builder.h"

namespace isthmus::test {

struct SoftNic {
  unsigned entries = 128;   ///< of the redirection table; 0: no RSS
  unsigned key_bytes = 40;  ///< i40e, ice: 52
  bool takes_key = true;    ///< else configuring with one is an error
  bool takes_table = true;
  bool hashes_otherwise = false;  ///< it takes the key and uses another

  /// What ports are from now on.
  static void be(const SoftNic& nic);
  /// Where the device takes a frame.
  static unsigned queue_of(const std::string& device, const Bytes& frame);
};

}  // namespace isthmus::test
