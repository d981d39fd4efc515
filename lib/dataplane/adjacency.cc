// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/adjacency.h"

namespace isthmus::dataplane {

Adjacency make_adjacency(const LinkInterface& interface, InterfaceId id, Adjacency::State state,
                         const net::Mac* mac) {
  Adjacency adjacency;
  adjacency.state = state;
  adjacency.interface = id;
  adjacency.mtu = interface.mtu;
  if (state == Adjacency::kResolved) adjacency.plain_mtu = interface.mtu;
  adjacency.port = interface.port;
  auto* eth = net::header_at<net::EthHeader>(adjacency.link.data());
  if (mac != nullptr) eth->destination = *mac;
  eth->source = interface.mac;
  if (interface.vlan != 0) {
    adjacency.link_length = kMaxLinkHeader;
    eth->ether_type = net::Be16(net::kEtherVlan);
    auto* tag = net::header_at<net::VlanTag>(adjacency.link.data() + sizeof(net::EthHeader));
    tag->tci = net::Be16(interface.vlan);
  }
  return adjacency;
}

}  // namespace isthmus::dataplane
