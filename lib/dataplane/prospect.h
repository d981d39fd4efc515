// SPDX-License-Identifier: BSD-3-Clause
// What would become of a packet, as the control core is told (Dataplane::simulate()).
#pragma once

#include <optional>
#include <vector>

#include "dataplane/dataplane.h"
#include "nat/foresee.h"

namespace isthmus::dataplane {

/// One way through the translator. A packet that is turned around (a hairpin) has two of them.
struct Prospect {
  enum class End : uint8_t {
    kDropped,
    kForwarded,
    kSplit,     ///< as kForwarded, in fragments
    kTurned,    ///< translated, and it goes to one of our own pool addresses
    kAnswered,  ///< with the ICMP error in `packet`
    kHeld,      ///< a SYN that waits for the inside to open
    kBox,       ///< for the box itself
    kDns,       ///< for DNS64
    kPassed,    ///< forwarded untranslated
    kDepends,   ///< a fragment: what becomes of it depends on the others of its datagram
  } end = End::kDropped;
  telemetry::DropReason reason = telemetry::DropReason::kNone;  ///< kDropped, kAnswered, kHeld
  nat::Class cls;
  unsigned worker = 0;
  InterfaceId ingress = 0;
  nat::Foreseen foreseen;
  uint16_t split_mtu = 0;
  std::vector<uint8_t> packet;  ///< as it leaves
  // Of one that leaves:
  bool has_route = false;
  InterfaceId egress = 0;
  std::variant<net::Ip4, net::Ip6> next_hop;
  std::optional<net::Mac> link_address;  ///< absent: it waits until the next hop is resolved
};

}  // namespace isthmus::dataplane
