// SPDX-License-Identifier: BSD-3-Clause
// A next hop: what a route's number stands for.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/interface.h"
#include "net/headers.h"

namespace isthmus::dataplane {

/// Position in the adjacency table; what the FIB stores.
using AdjacencyIndex = uint16_t;

/// A FIB with two-byte next hops keeps one bit for itself.
inline constexpr unsigned kMaxAdjacencies = 1u << 15;
inline constexpr AdjacencyIndex kNoRoute = 0;
inline constexpr unsigned kMaxLinkHeader = sizeof(net::EthHeader) + sizeof(net::VlanTag);

struct alignas(32) Adjacency {
  enum State : uint8_t {
    kNone,        ///< no route
    kOnLink,      ///< the destination itself is the neighbor, and unknown yet
    kUnresolved,  ///< a gateway or neighbor whose link address is unknown
    kResolved,
  };
  State state = kNone;
  uint8_t link_length = sizeof(net::EthHeader);  ///< or 18 with a VLAN tag
  InterfaceId interface = kNoInterface;
  uint16_t mtu = 1500;
  uint16_t plain_mtu = 0;  ///< `mtu` if it is resolved
  uint16_t port = 0;
  /// The link header to put in front, but for the EtherType, which the packet's family decides.
  std::array<uint8_t, kMaxLinkHeader> link{};
};

/// An adjacency for interface `id`, resolved if `mac` is given.
Adjacency make_adjacency(const LinkInterface& interface, InterfaceId id, Adjacency::State state,
                         const net::Mac* mac);

}  // namespace isthmus::dataplane
