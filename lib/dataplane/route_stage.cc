// SPDX-License-Identifier: BSD-3-Clause
// hot path
#include "dataplane/route_stage.h"

#include <cstring>

#include "net/headers.h"

namespace isthmus::dataplane {
namespace {

Address destination_of(rte_mbuf* mbuf) {
  const auto* ip = rte_pktmbuf_mtod(mbuf, const uint8_t*);
  if (ip[0] >> 4 == 4) return net::header_at<net::Ip4Header>(ip)->destination;
  return net::header_at<net::Ip6Header>(ip)->destination;
}

}  // namespace

// A 6->4 packet leaves as IPv4, and the other way round: kFamily is that of the packets received.
// What does not leave is looked up in vain, so that nothing needs to be gathered.
template <int kFamily>
void RouteStage::look_up(Work& work, unsigned first, unsigned end) const {
  const Fib& fib = *core_.forwarding->fib;
  if constexpr (kFamily == 6) {
    fib.lookup4(&work.nat.next4[first], &work.next_hops[first], end - first);
  } else {
    fib.lookup6(&work.nat.next6[first], &work.next_hops[first], end - first);
  }
}

template void RouteStage::look_up<4>(Work&, unsigned, unsigned) const;
template void RouteStage::look_up<6>(Work&, unsigned, unsigned) const;

AdjacencyIndex RouteStage::look_up(net::Ip4 destination) const {
  uint32_t host = destination.host();
  uint64_t next_hop = kNoRoute;
  core_.forwarding->fib->lookup4(&host, &next_hop, 1);
  return static_cast<AdjacencyIndex>(next_hop);
}

AdjacencyIndex RouteStage::look_up(const net::Ip6& destination) const {
  net::Ip6 copy = destination;
  uint64_t next_hop = kNoRoute;
  core_.forwarding->fib->lookup6(&copy, &next_hop, 1);
  return static_cast<AdjacencyIndex>(next_hop);
}

// Its own link header may be gone: the packet has waited in pieces, or had a VLAN tag. The kernel
// only asks whether the frame is meant for it.
void RouteStage::give_to_box(rte_mbuf* mbuf, InterfaceId from) {
  auto* eth = reinterpret_cast<net::EthHeader*>(rte_pktmbuf_prepend(mbuf, sizeof(net::EthHeader)));
  if (eth == nullptr) return core_.drop(mbuf, DropReason::kNoBuffer);
  const net::Mac& own = core_.fabric.interfaces[from].mac;
  eth->destination = own;
  eth->source = own;
  eth->ether_type = net::Be16(net::kEtherIp4);
  punter_.frame(mbuf, PuntKind::kLocal, from);
}

void RouteStage::send(rte_mbuf* mbuf, uint64_t index, uint8_t hops) {
  const Adjacency& next = adjacency(index);
  switch (next.state) {
    case Adjacency::kNone: core_.drop(mbuf, DropReason::kNoRoute); return;
    case Adjacency::kOnLink: send_on_link(mbuf, next); return;
    case Adjacency::kUnresolved:
      punter_.unresolved(mbuf, next.interface, core_.forwarding->neighbors[index]);
      return;
    case Adjacency::kResolved: break;
  }
  const bool v6 = *rte_pktmbuf_mtod(mbuf, const uint8_t*) >> 4 == 6;
  if (rte_pktmbuf_headroom(mbuf) < kMaxLinkHeader) {
    core_.drop(mbuf, DropReason::kNoBuffer);
    return;
  }
  send_resolved(mbuf, rte_pktmbuf_mtod(mbuf, uint8_t*), mbuf->pkt_len,
                exit_to(index, v6 ? net::kEtherIp6 : net::kEtherIp4), hops);
}

Exit RouteStage::exit_to(uint64_t index, net::EtherType type) const {
  const Adjacency& next = adjacency(index);
  auto link = next.link;
  const net::Be16 ether_type(type);
  std::memcpy(&link[next.link_length - sizeof ether_type], &ether_type, sizeof ether_type);
  Exit out;
  out.index = index;
  out.plain_mtu = next.plain_mtu;
  out.link_length = next.link_length;
  out.first = net::load<uint64_t>(&link[0]);
  out.middle = net::load<uint32_t>(&link[sizeof out.first]);
  out.last = net::load<uint64_t>(&link[next.link_length - sizeof out.last]);
  out.port = next.port;
  out.out = tx_.ours(next.port);
  return out;
}

Exit RouteStage::common_exit(const Work& work, net::EtherType type) const {
  if (work.nat.ways == 0) return {};
  if (work.nat.ways == 1) return exit_to(work.next_hops[0], type);
  // Without a way out of the loop, so that vector registers can do it.
  const uint64_t index = work.next_hops[0];
  uint64_t differ = 0;
  for (unsigned i = 0; i < work.nat.ways; ++i) differ |= work.next_hops[i] ^ index;
  return differ == 0 ? exit_to(index, type) : Exit{};
}

// A destination on the link that is no known neighbor: unknown as yet, or the box itself, which
// nobody on the link would answer for.
void RouteStage::send_on_link(rte_mbuf* mbuf, const Adjacency& link) {
  const Address destination = destination_of(mbuf);
  const Local local = std::visit(
      [this](const auto& address) { return core_.forwarding->locals->find(address); }, destination);
  if (local == Local::kNo) {
    punter_.unresolved(mbuf, link.interface, destination);
    return;
  }
  const net::EthHeader header{
      core_.fabric.interfaces[link.interface].mac, core_.fabric.interfaces[link.interface].mac,
      net::Be16(destination.index() == 0 ? net::kEtherIp4 : net::kEtherIp6)};
  auto* frame = rte_pktmbuf_prepend(mbuf, sizeof header);
  if (frame == nullptr) {
    core_.drop(mbuf, DropReason::kNoBuffer);
    return;
  }
  std::memcpy(frame, &header, sizeof header);
  punter_.frame(mbuf, PuntKind::kLocal, link.interface);
}

void RouteStage::send_by_destination(rte_mbuf* mbuf, uint8_t hops) {
  const Address destination = destination_of(mbuf);
  const AdjacencyIndex index =
      std::visit([this](const auto& address) { return look_up(address); }, destination);
  send(mbuf, index, hops);
}

}  // namespace isthmus::dataplane
