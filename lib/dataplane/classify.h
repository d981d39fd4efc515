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
    return out;
  }

  /// Whether the plain packet (net/plain.h) of the family, sent to our own link address, is a
  /// translator's, and for nobody else to look at; if so, fills in `cls`, but of stateful IPv4
  /// packets no more than its kind. The gate is open.
  template <int kFamily>
  bool is_plain(const Gate& gate, const uint8_t* packet, nat::Class& cls) const;
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
  Fate classify4(const net::PacketBuf& packet, const net::PacketView& view, bool group) const;
  Fate classify6(const net::PacketBuf& packet, const net::PacketView& view, bool group) const;
  template <class Address>
  Fate fate_of(const Address& destination, const nat::Class& cls) const;

  const Core& core_;
  const nat::Translator& translator_;
};

template <>
[[gnu::always_inline]] inline bool Classifier::is_plain<6>(const Gate& gate, const uint8_t* packet,
                                                           nat::Class& cls) const {
  const auto* ip = net::header_at<net::Ip6Header>(packet);
  cls.kind = nat::Class::kStateful;
  cls.prefix = gate.usual.prefix;
  if (!gate.usual.holds(ip->destination)) [[unlikely]] {
    if (gate.usual.stateless.holds(ip->destination)) {
      cls.kind = nat::Class::kStateless;
      cls.instance = gate.usual.stateless.instance;
      return true;
    }
    if (!gate.locals.passes(ip->destination) &&
        core_.forwarding->locals->find(ip->destination) != Local::kNo) {
      return false;
    }
    const auto& classifier = translator_.classifier();
    cls = classifier.classify6(ip->destination, ip->source);
    if (cls.kind == nat::Class::kStateless) return ip->destination.bytes[0] != 0xff;
    if (cls.kind != nat::Class::kStateful ||
        classifier.stateful_prefix(cls.prefix).prefix().length != 96) {
      return false;
    }
  }
  return true;
}

template <>
[[gnu::always_inline]] inline bool Classifier::is_plain<4>(const Gate& gate, const uint8_t* packet,
                                                           nat::Class& cls) const {
  const auto* ip = net::header_at<net::Ip4Header>(packet);
  cls.kind = nat::Class::kStateful;
  if (!gate.usual.holds(ip->destination)) [[unlikely]] {
    if (!gate.locals.passes(ip->destination) &&
        core_.forwarding->locals->find(ip->destination) != Local::kNo) {
      return false;
    }
    cls = translator_.classifier().classify4(ip->destination);
    // Neither multicast nor broadcast, in class E with all that nobody has.
    if (cls.kind == nat::Class::kStateless) return ip->destination.host() < 0xe0000000;
    if (cls.kind != nat::Class::kStateful) return false;
  }
  return true;
}

}  // namespace isthmus::dataplane
