// SPDX-License-Identifier: BSD-3-Clause
// Interfaces as workers see them: (port, VLAN) pairs, both ways. Immutable after start.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "conf/config.h"
#include "dataplane/dataplane.h"
#include "net/addr.h"

namespace isthmus::dataplane {

inline constexpr InterfaceId kNoInterface = 0xffff;
inline constexpr unsigned kVlans = 4096;

/// Receiving side of a port: which interface a frame belongs to.
struct PortTable {
  uint16_t port_id = 0;  ///< DPDK's number
  net::Mac mac;
  std::array<InterfaceId, kVlans> by_vlan{};  ///< index 0: untagged and priority-tagged frames
  // Whose packets the device takes to the worker that their outer header names.
  bool steers6 = false;
  bool steers4 = false;
};

/// Sending side of an interface.
struct LinkInterface {
  uint16_t port = 0;  ///< index into the configuration's ports
  uint16_t vlan = 0;
  uint16_t mtu = 1500;
  net::Mac mac;
};

}  // namespace isthmus::dataplane
