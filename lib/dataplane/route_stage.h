// SPDX-License-Identifier: BSD-3-Clause
// hot path
// From a finished IP packet to a frame on its way out: next hop, link header, port.
#pragma once

#include <cstring>

#include "dataplane/core.h"
#include "dataplane/punt.h"
#include "dataplane/tx.h"
#include "dataplane/work.h"
#include "xlat/rewrite.h"

namespace isthmus::dataplane {

class RouteStage {
 public:
  RouteStage(Core& core, Transmitter& tx, Punter& punter) : core_(core), tx_(tx), punter_(punter) {}

  /// Fills next_hops for all packets that decide() wants translated to another host.
  template <int kFamily>
  void look_up(Work& work) const;

  AdjacencyIndex look_up(net::Ip4 destination) const;
  AdjacencyIndex look_up(const net::Ip6& destination) const;

  /// Sends the IP packet in `mbuf` to next hop `index`.
  void send(rte_mbuf* mbuf, uint64_t index, uint8_t hops);
  /// Sends the packet of `length` bytes at `ip`, which lies in `mbuf` behind enough headroom, to a
  /// next hop that is resolved.
  [[gnu::always_inline]] void send_resolved(rte_mbuf* mbuf, uint8_t* ip, uint32_t length,
                                            const Adjacency& next, net::EtherType type,
                                            uint8_t hops) {
    const uint32_t link_length = next.link_length;
    uint8_t* link = ip - link_length;
    std::memcpy(link, next.link.data(), sizeof(net::EthHeader));
    if (link_length != sizeof(net::EthHeader)) [[unlikely]] {
      std::memcpy(link, next.link.data(), kMaxLinkHeader);
    }
    const net::Be16 ether_type(type);
    std::memcpy(ip - sizeof ether_type, &ether_type, sizeof ether_type);
    mbuf->data_off = static_cast<uint16_t>(link - static_cast<uint8_t*>(mbuf->buf_addr));
    mbuf->pkt_len = length + link_length;
    mbuf->data_len = static_cast<uint16_t>(length + link_length);
    tx_.send(mbuf, length + link_length, next.port, hops);
  }
  /// Sends it where its own destination leads.
  void send_by_destination(rte_mbuf* mbuf, uint8_t hops);

  /// Gives an IPv4 packet that came in on `from` to the box.
  void give_to_box(rte_mbuf* mbuf, InterfaceId from);

  const Adjacency& adjacency(uint64_t index) const { return core_.forwarding->adjacencies[index]; }

 private:
  void send_on_link(rte_mbuf* mbuf, const Adjacency& link);

  Core& core_;
  Transmitter& tx_;
  Punter& punter_;
};

}  // namespace isthmus::dataplane
