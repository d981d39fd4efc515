// SPDX-License-Identifier: BSD-3-Clause
// hot path
#include "dataplane/forward_stage.h"

#include "dataplane/fragment_out.h"
#include "net/address_tests.h"
#include "net/headers.h"
#include "xlat/reply.h"

namespace isthmus::dataplane {

bool ForwardStage::is_spoofed(const net::PacketBuf& packet, const net::PacketView& view,
                              InterfaceId in) const {
  const auto& locals = *core_.forwarding->locals;
  if (view.family == 4) {
    const net::Ip4 source = net::header_at<net::Ip4Header>(packet.data)->source;
    return locals.find(source) != Local::kNo ||
           translator_.classify4(source).kind != nat::Class::kNone;
  }
  const net::Ip6& source = net::header_at<net::Ip6Header>(packet.data)->source;
  if (locals.find(source) != Local::kNo) return true;
  const Adjacency& back = route_.adjacency(route_.look_up(source));
  return back.state == Adjacency::kNone || back.interface != in;
}

void ForwardStage::run(rte_mbuf* mbuf, net::PacketBuf& packet, const net::PacketView& view,
                       InterfaceId in) {
  view.family == 6 ? run6(mbuf, packet, view, in) : run4(mbuf, packet, view, in);
}

void ForwardStage::run6(rte_mbuf* mbuf, net::PacketBuf& packet, const net::PacketView& view,
                        InterfaceId in) {
  auto* ip = net::header_at<net::Ip6Header>(packet.data);
  // RFC 4291 2.5.2, 2.5.3, 2.5.6: never forwarded.
  if (net::is_illegal_source(ip->source)) return core_.drop(mbuf, DropReason::kIllegalSource);
  if (net::is_link_local(ip->destination)) return core_.drop(mbuf, DropReason::kNotForUs);
  if (ip->hop_limit <= 1) {
    return answer(mbuf, packet, view, in, {net::kIcmp6TimeExceeded, 0, 0}, DropReason::kHopLimit);
  }
  const AdjacencyIndex next = route_.look_up(ip->destination);
  const Adjacency& adjacency = route_.adjacency(next);
  if (adjacency.state == Adjacency::kNone) {
    return answer(mbuf, packet, view, in, {net::kIcmp6Unreachable, 0, 0}, DropReason::kNoRoute);
  }
  if (packet.length > adjacency.mtu) {
    // RFC 4443 3.2: MUST be sent when the packet is larger than the MTU of the outgoing link.
    return answer(mbuf, packet, view, in, {net::kIcmp6PacketTooBig, 0, adjacency.mtu},
                  DropReason::kTooBig);
  }
  --ip->hop_limit;
  send(mbuf, packet, next);
}

void ForwardStage::run4(rte_mbuf* mbuf, net::PacketBuf& packet, const net::PacketView& view,
                        InterfaceId in) {
  auto* ip = net::header_at<net::Ip4Header>(packet.data);
  // RFC 1812 5.3.7: neither from nor to what is no single host.
  if (net::is_illegal_source(ip->source)) return core_.drop(mbuf, DropReason::kIllegalSource);
  if (net::is_illegal_source(ip->destination)) return core_.drop(mbuf, DropReason::kNotForUs);
  // RFC 7126 4.3, 4.4: source-routed packets SHOULD be discarded.
  if (view.source_route) {
    return answer(mbuf, packet, view, in, {net::kIcmp4Unreachable, 5, 0}, DropReason::kSourceRoute);
  }
  if (ip->ttl <= 1) {
    return answer(mbuf, packet, view, in, {net::kIcmp4TimeExceeded, 0, 0}, DropReason::kHopLimit);
  }
  const AdjacencyIndex next = route_.look_up(ip->destination);
  const Adjacency& adjacency = route_.adjacency(next);
  if (adjacency.state == Adjacency::kNone) {
    return answer(mbuf, packet, view, in, {net::kIcmp4Unreachable, 0, 0}, DropReason::kNoRoute);
  }
  const bool too_big = packet.length > adjacency.mtu;
  if (too_big && (ip->flags_offset.host() & net::kIp4DontFragment) != 0) {
    return answer(mbuf, packet, view, in, {net::kIcmp4Unreachable, 4, adjacency.mtu},
                  DropReason::kTooBig);
  }
  --ip->ttl;
  // TTL is the high octet of its word: one less there (RFC 1141, by RFC 1624's equation).
  ip->checksum = net::ChecksumDelta::between(net::Be16(0x0100).raw(), 0).apply(ip->checksum);
  too_big ? split(mbuf, packet, next) : send(mbuf, packet, next);
}

void ForwardStage::answer(rte_mbuf* mbuf, net::PacketBuf& packet, const net::PacketView& view,
                          InterfaceId in, const xlat::ErrorSpec& error, DropReason reason) {
  if (core_.tap != nullptr) [[unlikely]]
    core_.tap->keep(packet);
  const auto& own = core_.forwarding->locals->own[in];
  const xlat::Path path{0, 0, own.ip4, own.ip6};
  const auto outcome = view.family == 6 ? xlat::answer6(packet, view, error, path, reason)
                                        : xlat::answer4(packet, view, error, path, reason);
  if (outcome.action != xlat::Action::kReply) return core_.drop(mbuf, reason);
  if (!translator_.allow_error(packet, core_.now_ms)) {
    return core_.drop(mbuf, DropReason::kIcmpRateLimit);
  }
  if (core_.tap != nullptr) [[unlikely]]
    core_.tap->dropped_as_kept(mbuf, reason);
  core_.counters.add_drop(reason);
  core_.counters.add(Counter::kIcmpErrorsSent);
  sync_mbuf(mbuf, packet);
  route_.send_by_destination(mbuf, 0);
}

void ForwardStage::send(rte_mbuf* mbuf, const net::PacketBuf& packet, AdjacencyIndex next) {
  core_.counters.add(Counter::kPassedThrough);
  sync_mbuf(mbuf, packet);
  route_.send(mbuf, next, 0);
}

// RFC 791 3.2, RFC 1812 4.2.2.7.
void ForwardStage::split(rte_mbuf* mbuf, const net::PacketBuf& packet, AdjacencyIndex next) {
  core_.counters.add(Counter::kPassedThrough);
  send_fragments(core_, mbuf, packet, route_.adjacency(next).mtu,
                 [&](rte_mbuf* fragment) { route_.send(fragment, next, 0); });
}

}  // namespace isthmus::dataplane
