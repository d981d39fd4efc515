// SPDX-License-Identifier: BSD-3-Clause
// hot path
// An address that the box and a pool both have.
#include "nat/classifier.h"
#include "net/headers.h"
#include "net/protocol.h"
#include "xlat/quote.h"

namespace isthmus::nat {

// What the port range says is the pool's is asked for there, and goes to the box if no binding
// wants it. Fragments without ports follow their first one, which only the translator knows.
bool Classifier::may_lend(const net::PacketBuf& packet, const net::PacketView& view) const {
  using net::Payload;
  const auto& destination = net::header_at<net::Ip4Header>(packet.data)->destination;
  if (!net::has_ports(view.protocol)) return lends_all(destination, view.protocol);
  if (view.is_fragment()) return view.protocol != net::kProtoIcmp6;
  net::Be16 port = view.destination_port;
  switch (view.payload) {
    case Payload::kTcp:
    case Payload::kUdp: break;
    case Payload::kIcmpQuery:
      // Whoever asks pings the box; an answer belongs to whose identifier it bears.
      if (view.icmp_type == net::kIcmp4Echo) return false;
      break;
    case Payload::kIcmpError: {
      net::PacketView quoted;
      if (xlat::parse_quoted(packet, view, quoted) != telemetry::DropReason::kNone) return false;
      if (!net::has_ports(quoted.protocol)) return lends_all(destination, quoted.protocol);
      // Of others it quotes nothing that a binding could be found by.
      if (quoted.payload != Payload::kTcp && quoted.payload != Payload::kUdp &&
          quoted.payload != Payload::kIcmpQuery) {
        return false;
      }
      port = quoted.source_port;
      break;
    }
    default: return false;
  }
  return lends(destination, port);
}

// Whether the protocol, which has no ports, is carried by the pool that has the address.
bool Classifier::lends_all(net::Ip4 address, uint8_t protocol) const {
  const PoolRange* pool = find_pool(address.host());
  return pool != nullptr && carries(pool->cls.instance, protocol);
}

}  // namespace isthmus::nat
