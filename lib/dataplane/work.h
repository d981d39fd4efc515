// SPDX-License-Identifier: BSD-3-Clause
// hot path
// A burst's packets of one family on their way through translation, field by field.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/adjacency.h"
#include "dataplane/frame_meta.h"
#include "nat/translator.h"

namespace isthmus::dataplane {

/// Where a packet comes from and how far it has got.
struct Origin {
  InterfaceId interface = 0;
  uint8_t hops = 0;             ///< between workers
  bool keep_hop_limit = false;  ///< second half of a hairpin
  nat::Class cls;
  nat::Past past = nat::Past::kNone;
};

struct Work {
  nat::Batch nat;
  std::array<net::PacketBuf, nat::kBatch> packet;
  std::array<rte_mbuf*, nat::kBatch> mbuf;
  std::array<InterfaceId, nat::kBatch> ingress;
  std::array<uint8_t, nat::kBatch> hops;
  std::array<uint64_t, nat::kBatch> next_hop;  ///< an AdjacencyIndex, as wide as the FIB has it

  Work() {
    for (unsigned i = 0; i < nat::kBatch; ++i) nat.buf[i] = &packet[i];
    static_assert(std::is_same_v<InterfaceId, uint16_t>);
    nat.marks = ingress.data();
  }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  bool full() const { return nat.count == nat::kBatch; }

  /// The place that the next packet is parsed into; it counts only after commit().
  net::PacketBuf& next_packet() { return packet[nat.count]; }
  net::PacketView& next_view() { return nat.view[nat.count]; }
  void commit(rte_mbuf* from, const Origin& origin) {
    const unsigned i = nat.count++;
    mbuf[i] = from;
    ingress[i] = origin.interface;
    hops[i] = origin.hops;
    nat.decision[i].cls = origin.cls;
    nat.decision[i].keep_hop_limit = origin.keep_hop_limit;
    nat.decision[i].past = origin.past;
  }
  /// As commit(), for a plain packet from the wire, which has no view.
  void commit_plain(rte_mbuf* from, const net::PacketBuf& ip, InterfaceId interface, nat::Class cls,
                    uint64_t hash) {
    const unsigned i = nat.count++;
    packet[i] = ip;
    mbuf[i] = from;
    ingress[i] = interface;
    hops[i] = 0;
    nat.plain |= uint64_t{1} << i;
    nat.cls[i] = cls;
    nat.hash[i] = hash;
  }
};

}  // namespace isthmus::dataplane
