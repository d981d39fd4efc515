// SPDX-License-Identifier: BSD-3-Clause
// hot path
// The Ethernet header, and at most one VLAN tag.
#pragma once

#include <rte_mbuf.h>

#include <cstring>

#include "dataplane/interface.h"
#include "net/headers.h"
#include "telemetry/drop_reason.h"

namespace isthmus::dataplane {

struct LinkView {
  InterfaceId interface = kNoInterface;
  uint16_t ether_type = 0;
  uint16_t length = 0;  ///< of the link header as it lies in the frame
  bool group = false;   ///< sent to a multicast or broadcast address
};

inline constexpr uint16_t kVlanIdMask = 0x0fff;

/// kNone, or why the frame is dropped.
inline telemetry::DropReason parse_link(const rte_mbuf* frame, const PortTable& port,
                                        LinkView& out) {
  using telemetry::DropReason;
  if (frame->data_len < sizeof(net::EthHeader)) return DropReason::kTruncated;
  const auto* bytes = rte_pktmbuf_mtod(frame, const uint8_t*);
  const auto* eth = net::header_at<net::EthHeader>(bytes);
  out.group = (eth->destination.bytes[0] & 1) != 0;
  out.length = sizeof(net::EthHeader);
  out.ether_type = eth->ether_type.host();
  uint16_t vlan = 0;
  if ((frame->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0) {
    // The driver took a tag off. If there is another one, it stays for an EtherType we do not know:
    // taking the inner tag for the only one would let a host reach into another VLAN.
    vlan = frame->vlan_tci & kVlanIdMask;
  } else if (out.ether_type == net::kEtherVlan) {
    if (frame->data_len < sizeof(net::EthHeader) + sizeof(net::VlanTag)) {
      return DropReason::kTruncated;
    }
    const auto* tag = net::header_at<net::VlanTag>(bytes + sizeof(net::EthHeader));
    vlan = tag->tci.host() & kVlanIdMask;
    out.ether_type = tag->ether_type.host();
    out.length = sizeof(net::EthHeader) + sizeof(net::VlanTag);
  }
  out.interface = port.by_vlan[vlan];
  if (out.interface == kNoInterface) return DropReason::kUnknownVlan;
  // A promiscuous port sees other stations' frames; these must not be forwarded twice.
  if (!out.group && !(eth->destination == port.mac)) return DropReason::kNotForUs;
  return DropReason::kNone;
}

/// Takes the VLAN tag out of the frame, so that it starts with a plain Ethernet header.
inline void remove_tag(rte_mbuf* frame, const LinkView& link) {
  if (link.length == sizeof(net::EthHeader)) return;
  auto* bytes = rte_pktmbuf_mtod(frame, uint8_t*);
  std::memmove(bytes + sizeof(net::VlanTag), bytes, 2 * sizeof(net::Mac));
  rte_pktmbuf_adj(frame, sizeof(net::VlanTag));
}

}  // namespace isthmus::dataplane
