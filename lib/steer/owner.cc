// SPDX-License-Identifier: BSD-3-Clause
// hot path
#include "steer/owner.h"

#include "net/headers.h"

namespace isthmus::steer {
namespace {

// The packet quoted in the ICMP error, as far as its addresses and ports go.
bool quoted_packet(const net::PacketBuf& buf, const net::PacketView& view, net::PacketBuf& quoted,
                   net::PacketView& quoted_view) {
  const uint32_t at = view.l4_offset + static_cast<uint32_t>(sizeof(net::IcmpHeader));
  if (at >= buf.length) return false;
  quoted = net::PacketBuf{buf.data + at, buf.length - at, 0, 0};
  const auto reason = view.family == 4 ? net::parse4(quoted, quoted_view, net::Extent::kQuoted)
                                       : net::parse6(quoted, quoted_view, net::Extent::kQuoted);
  return reason == net::DropReason::kNone;
}

Owner owner_of_error6(const Ownership& ownership, const net::PacketBuf& buf,
                      const net::PacketView& view, const Portless& portless) {
  net::PacketBuf quoted;
  net::PacketView quoted_view;
  if (!quoted_packet(buf, view, quoted, quoted_view)) return {};
  const auto* ip = net::header_at<net::Ip6Header>(quoted.data);
  if (portless.by_remote && portless.carries(quoted_view.protocol)) {
    return {Owner::kWorker,
            ownership.owner_of_remote(portless.prefix->extract(ip->source), quoted_view.protocol)};
  }
  return {Owner::kWorker, ownership.owner6(ip->destination)};
}

Owner owner_of_error4(const Ownership& ownership, const net::PacketBuf& buf,
                      const net::PacketView& view, const Portless& portless) {
  net::PacketBuf quoted;
  net::PacketView quoted_view;
  if (!quoted_packet(buf, view, quoted, quoted_view)) return {};
  const auto* ip = net::header_at<net::Ip4Header>(quoted.data);
  if (portless.by_remote && portless.carries(quoted_view.protocol)) {
    return {Owner::kWorker, ownership.owner_of_remote(ip->destination, quoted_view.protocol)};
  }
  return {Owner::kWorker, ownership.owner_of_cell(ip->source, quoted_view.source_port.host(),
                                                  quoted_view.protocol)};
}

// A plain function of what all fragments of a datagram share. It is not keyed: it only chooses
// among workers, and ownership of the traffic itself is already randomised.
unsigned fragment_home(const Ownership& ownership, const net::Ip4Header& ip) {
  const uint64_t addresses = uint64_t{ip.source.value.raw()} << 32 | ip.destination.value.raw();
  const uint64_t datagram = uint64_t{ip.identification.raw()} << 8 | ip.protocol;
  const uint64_t hash = net::hash_words(net::HashKey{}, addresses, datagram);
  return static_cast<unsigned>((hash >> 32) * ownership.workers() >> 32);
}

}  // namespace

Owner owner_of(const Ownership& ownership, const net::PacketBuf& buf, const net::PacketView& view,
               const Portless& portless) {
  const bool error = view.payload == net::Payload::kIcmpError && !view.is_fragment();
  const bool carried = portless.carries(view.protocol);
  if (view.family == 6) {
    if (error) return owner_of_error6(ownership, buf, view, portless);
    const auto* ip = net::header_at<net::Ip6Header>(buf.data);
    if (!carried || !portless.by_remote) return {Owner::kWorker, ownership.owner6(ip->source)};
    return {Owner::kWorker,
            ownership.owner_of_remote(portless.prefix->extract(ip->destination), view.protocol)};
  }
  if (error) return owner_of_error4(ownership, buf, view, portless);
  const auto* ip = net::header_at<net::Ip4Header>(buf.data);
  if (carried && portless.by_remote) {
    return {Owner::kWorker, ownership.owner_of_remote(ip->source, view.protocol)};
  }
  if (!carried && view.is_fragment() && ownership.is_divided(ip->destination)) {
    return {Owner::kUnknown, fragment_home(ownership, *ip)};
  }
  return {Owner::kWorker,
          ownership.owner_of_cell(ip->destination, view.destination_port.host(), view.protocol)};
}

}  // namespace isthmus::steer
