// SPDX-License-Identifier: BSD-3-Clause
// hot path
// From a finished IP packet to a frame on its way out: next hop, link header, port.
#pragma once

#include "dataplane/core.h"
#include "dataplane/punt.h"
#include "dataplane/tx.h"
#include "dataplane/work.h"
#include "xlat/rewrite.h"

namespace isthmus::dataplane {

class RouteStage {
 public:
  RouteStage(Core& core, Transmitter& tx, Punter& punter) : core_(core), tx_(tx), punter_(punter) {}

  /// Fills next_hop of all packets that decide() wants translated to another host.
  template <int kFamily>
  void look_up(Work& work) const;

  AdjacencyIndex look_up(net::Ip4 destination) const;
  AdjacencyIndex look_up(const net::Ip6& destination) const;

  /// Sends the IP packet in `mbuf` to next hop `index`.
  void send(rte_mbuf* mbuf, AdjacencyIndex index, uint8_t hops);
  /// Sends it where its own destination leads.
  void send_by_destination(rte_mbuf* mbuf, uint8_t hops);

  const Adjacency& adjacency(AdjacencyIndex index) const {
    return core_.forwarding->adjacencies[index];
  }

 private:
  void send_on_link(rte_mbuf* mbuf, const Adjacency& link);

  Core& core_;
  Transmitter& tx_;
  Punter& punter_;
};

}  // namespace isthmus::dataplane
