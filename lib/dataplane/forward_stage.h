// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Packets that pass through untranslated: what any router does with them (RFC 1812 5, RFC 8200).
//
// Theory of operation. One packet at a time, where it arrives: nothing of it depends on state, so
// no worker owns it. Hop limit, route and size are checked in this order, and the sender is told
// what failed under the same limits as for translated packets. Never translated, whatever fails.
#pragma once

#include "dataplane/core.h"
#include "dataplane/route_stage.h"
#include "nat/translator.h"

namespace isthmus::dataplane {

class ForwardStage {
 public:
  ForwardStage(Core& core, nat::Translator& translator, RouteStage& route)
      : core_(core), translator_(translator), route_(route) {}

  /// Takes `mbuf`, of which `packet` is the IP packet that came in on `in`.
  void run(rte_mbuf* mbuf, net::PacketBuf& packet, const net::PacketView& view, InterfaceId in);

  /// Whether a packet that came in on `in` bears a source that cannot be there: an IPv6 source that
  /// is ours or is not routed back to `in` (RFC 3704 2.2), an IPv4 source that is ours, a pool's or
  /// an inside host's.
  bool is_spoofed(const net::PacketBuf& packet, const net::PacketView& view, InterfaceId in) const;

 private:
  void run4(rte_mbuf* mbuf, net::PacketBuf& packet, const net::PacketView& view, InterfaceId in);
  void run6(rte_mbuf* mbuf, net::PacketBuf& packet, const net::PacketView& view, InterfaceId in);
  void answer(rte_mbuf* mbuf, net::PacketBuf& packet, const net::PacketView& view, InterfaceId in,
              const xlat::ErrorSpec& error, DropReason reason);
  void send(rte_mbuf* mbuf, const net::PacketBuf& packet, AdjacencyIndex next);
  void split(rte_mbuf* mbuf, const net::PacketBuf& packet, AdjacencyIndex next);

  Core& core_;
  nat::Translator& translator_;
  RouteStage& route_;
};

}  // namespace isthmus::dataplane
