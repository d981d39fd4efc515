// SPDX-License-Identifier: BSD-3-Clause
// hot path
#include "dataplane/classify.h"

namespace isthmus::dataplane {
namespace {

constexpr uint16_t kDnsPort = 53;

// UDP/53 is answered without the kernel; a fragmented query is not a whole packet, and goes there.
Fate local_fate(Local local, const net::PacketView& view) {
  const bool dns = local == Local::kDns && view.payload == net::Payload::kUdp &&
                   view.destination_port == net::Be16(kDnsPort) && !view.is_fragment();
  return {dns ? Fate::kPuntDns : Fate::kPunt, {}};
}

bool is_multicast_or_broadcast(net::Ip4 address) {
  const uint32_t host = address.host();
  return host >> 28 == 0xe || host == 0xffffffff;
}

// RFC 4861 7.1.1: with a hop limit of 255 it comes from this link.
bool is_solicitation(const net::PacketBuf& packet, const net::PacketView& view) {
  return view.payload == net::Payload::kIcmpOther && view.icmp_type == net::kIcmp6NeighborSolicit &&
         net::header_at<net::Ip6Header>(packet.data)->hop_limit == 255;
}

}  // namespace

Fate Classifier::classify6(const net::PacketBuf& packet, const net::PacketView& view,
                           bool group) const {
  const net::Ip6& destination = net::header_at<net::Ip6Header>(packet.data)->destination;
  if (destination.bytes[0] == 0xff) return {Fate::kPunt, {}};
  const Local local = core_.forwarding->locals->find(destination);
  if (local != Local::kNo) return local_fate(local, view);
  // A router must not forward what was sent to a link-layer group (RFC 1812 5.3.4, in spirit here).
  if (group) return {Fate::kIgnore, {}};
  // A neighbor confirms the link address of an on-link translation prefix by unicast.
  if (is_solicitation(packet, view)) return {Fate::kPunt, {}};
  return fate_of(destination, translator_.classify6(packet, view));
}

Fate Classifier::classify4(const net::PacketBuf& packet, const net::PacketView& view,
                           bool group) const {
  const net::Ip4 destination = net::header_at<net::Ip4Header>(packet.data)->destination;
  // RFC 1812 5.3.4: a packet received as a link-layer broadcast MUST NOT be forwarded. It may be a
  // directed broadcast for the box; the kernel knows.
  if (group || is_multicast_or_broadcast(destination)) return {Fate::kPunt, {}};
  const Local local = core_.forwarding->locals->find(destination);
  nat::Class cls = translator_.classify4(destination);
  if (local != Local::kNo) {
    // An address may belong to the box and to a pool.
    if (cls.kind != nat::Class::kStateful || !translator_.may_lend(packet, view)) {
      return local_fate(local, view);
    }
    cls.shared = true;
  }
  return fate_of(destination, cls);
}

nat::Class Classifier::unusual6(const Gate& gate, const uint8_t* packet) const {
  const auto* ip = net::header_at<net::Ip6Header>(packet);
  if (!gate.locals.passes(ip->destination) &&
      core_.forwarding->locals->find(ip->destination) != Local::kNo) {
    return {};
  }
  const auto& classifier = translator_.classifier();
  const nat::Class cls = classifier.classify6(ip->destination, ip->source);
  if (cls.kind == nat::Class::kStateless) {
    return ip->destination.bytes[0] == 0xff ? nat::Class{} : cls;
  }
  return cls.kind == nat::Class::kStateful &&
                 classifier.stateful_prefix(cls.prefix).prefix().length == 96
             ? cls
             : nat::Class{};
}

nat::Class Classifier::unusual4(const Gate& gate, const uint8_t* packet) const {
  const net::Ip4 destination = net::header_at<net::Ip4Header>(packet)->destination;
  if (!gate.locals.passes(destination) &&
      core_.forwarding->locals->find(destination) != Local::kNo) {
    return {};
  }
  const nat::Class cls = translator_.classifier().classify4(destination);
  // Neither multicast nor broadcast, in class E with all that nobody has.
  if (cls.kind == nat::Class::kStateless) {
    return destination.host() < 0xe0000000 ? cls : nat::Class{};
  }
  return cls.kind == nat::Class::kStateful ? cls : nat::Class{};
}

// Not for the box.
template <class Address>
Fate Classifier::fate_of(const Address& destination, const nat::Class& cls) const {
  const bool translated = cls.kind == nat::Class::kStateful || cls.kind == nat::Class::kStateless;
  const Edge* edge = core_.forwarding->edge.get();
  if (edge == nullptr) return {translated ? Fate::kTranslate : Fate::kIgnore, cls};
  const uint8_t pass = edge->pass(destination);
  if (pass == Edge::kBeforeTranslators || (pass == Edge::kAfterTranslators && !translated)) {
    return {Fate::kForward, {}, edge->spoof_check};
  }
  return {translated ? Fate::kTranslate : Fate::kIgnore, cls, translated && edge->spoof_check};
}

}  // namespace isthmus::dataplane
