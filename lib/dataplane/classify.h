// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Whose a parsed packet is: the box's own, the translator's, one that passes through, or nobody's
// here.
#pragma once

#include "dataplane/core.h"
#include "dataplane/link.h"
#include "nat/classifier.h"
#include "nat/translator.h"

namespace isthmus::dataplane {

struct Fate {
  enum Kind : uint8_t { kTranslate, kForward, kPunt, kPuntDns, kIgnore } kind = kIgnore;
  nat::Class cls;
  bool check_source = false;  ///< it is going on, and Edge::spoof_check is on
};

class Classifier {
 public:
  Classifier(const Core& core, const nat::Translator& translator)
      : core_(core), translator_(translator) {}

  /// What of is_plain() is the same for all packets of a burst: copies, for registers.
  struct Gate {
    bool open;   ///< nobody else looks at packets before the translators
    bool alone;  ///< this worker owns everything
    LocalAddresses::Filter locals;
    nat::Classifier::Usual usual;  ///< empty if some of it is local
  };
  Gate gate() const {
    const Edge* edge = core_.forwarding->edge.get();
    const LocalAddresses& locals = *core_.forwarding->locals;
    Gate out{edge == nullptr || !edge->is_first, core_.fabric.workers == 1, locals.filter(),
             translator_.classifier().usual()};
    if (locals.any6_in(out.usual)) out.usual.prefix96 = {};
    if (locals.any6_in(out.usual.stateless)) out.usual.stateless.prefix96 = {};
    if (locals.any4_in(out.usual)) out.usual.count = 0;
    if (locals.any4_in(out.usual.hosts)) out.usual.hosts.count = 0;
    return out;
  }

  /// Whose the plain packet (net/plain.h) of the family is, sent to our own link address, if it is
  /// a translator's and nobody else's to look at: stateful or stateless then, else none. Of
  /// stateful IPv4 packets the kind is all that is filled in. The gate is open.
  template <int kFamily>
  nat::Class class_of_plain(const Gate& gate, const uint8_t* packet) const;
  /// Whose it is, if it is stateful.
  template <int kFamily>
  unsigned owner_of_plain(const uint8_t* packet) const {
    const steer::Ownership& ownership = core_.fabric.ownership;
    if constexpr (kFamily == 6) {
      return ownership.owner6(net::header_at<net::Ip6Header>(packet)->source);
    } else {
      const auto* ip = net::header_at<net::Ip4Header>(packet);
      const auto* udp = net::header_at<net::UdpHeader>(packet + sizeof *ip);
      return ownership.owner_of_cell(ip->destination, udp->destination_port.host(), ip->protocol);
    }
  }

  /// `group`: the frame was sent to a link-layer group address.
  Fate classify(const net::PacketBuf& packet, const net::PacketView& view, bool group) const {
    return view.family == 6 ? classify6(packet, view, group) : classify4(packet, view, group);
  }

 private:
  nat::Class unusual6(const Gate& gate, const uint8_t* packet) const;
  nat::Class unusual4(const Gate& gate, const uint8_t* packet) const;
  Fate classify4(const net::PacketBuf& packet, const net::PacketView& view, bool group) const;
  Fate classify6(const net::PacketBuf& packet, const net::PacketView& view, bool group) const;
  template <class Address>
  Fate fate_of(const Address& destination, const nat::Class& cls) const;

  const Core& core_;
  const nat::Translator& translator_;
};

template <>
[[gnu::always_inline]] inline nat::Class Classifier::class_of_plain<6>(
    const Gate& gate, const uint8_t* packet) const {
  const net::Ip6& destination = net::header_at<net::Ip6Header>(packet)->destination;
  if (gate.usual.holds(destination)) [[likely]]
    return {nat::Class::kStateful, 0, gate.usual.prefix};
  if (gate.usual.stateless.holds(destination))
    return {nat::Class::kStateless, gate.usual.stateless.instance};
  return unusual6(gate, packet);
}

template <>
[[gnu::always_inline]] inline nat::Class Classifier::class_of_plain<4>(
    const Gate& gate, const uint8_t* packet) const {
  const net::Ip4 destination = net::header_at<net::Ip4Header>(packet)->destination;
  if (gate.usual.holds(destination)) [[likely]]
    return {nat::Class::kStateful};
  if (gate.usual.hosts.holds(destination))
    return {nat::Class::kStateless, gate.usual.hosts.instance};
  return unusual4(gate, packet);
}

}  // namespace isthmus::dataplane
