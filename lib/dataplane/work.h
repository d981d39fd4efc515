// SPDX-License-Identifier: BSD-3-Clause
// hot path
// A burst's packets of one family on their way through translation, field by field.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/adjacency.h"
#include "dataplane/frame_meta.h"
#include "dataplane/usual_way.h"
#include "nat/plain_path.h"
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
  /// AdjacencyIndex by nat::Batch::way, as wide as the FIB has it.
  std::array<uint64_t, nat::kWays> next_hops;
  UsualWay usual_way;

  Work() {
    for (unsigned i = 0; i < nat::kBatch; ++i) nat.buf[i] = &packet[i];
    static_assert(std::is_same_v<InterfaceId, uint16_t>);
    nat.marks = ingress.data();
    nat.parsed = 0;
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
    nat.parsed |= uint64_t{1} << i;
    nat.decision[i].cls = origin.cls;
    nat.decision[i].keep_hop_limit = origin.keep_hop_limit;
    nat.decision[i].past = origin.past;
  }
  /// As commit(), for a plain packet from the wire, which has no view. `i` is the next place; that
  /// it is taken is for the caller to note, once for many.
  [[gnu::always_inline]] void commit_plain(std::size_t i, rte_mbuf* from, uint8_t* ip,
                                           uint32_t length, uint16_t tail,
                                           const nat::PlainSearch::Place& place) {
    nat.ip[i] = ip;
    nat.length[i] = length;
    mbuf[i] = from;
    nat.tail[i] = tail;
    nat.bucket[i] = place.bucket;
    nat.tag[i] = place.tag;
  }
  /// The same for one of a stateless instance.
  void commit_stateless(std::size_t i, rte_mbuf* from, uint8_t* ip, uint32_t length,
                        uint8_t instance, const nat::PlainSearch::Place& anywhere) {
    nat.stateless |= uint64_t{1} << i;
    commit_plain(i, from, ip, length, instance, anywhere);
  }
  /// What is missing of a plain packet that takes the general way after all.
  [[gnu::noinline]] void complete(unsigned i) {
    hops[i] = 0;
    const net::PacketBuf whole = packet_of(mbuf[i]);
    packet[i].headroom = static_cast<uint16_t>(whole.headroom + (packet[i].data - whole.data));
    packet[i].tailroom =
        static_cast<uint16_t>(whole.tailroom + (whole.data + whole.length - packet[i].data) -
                              static_cast<std::ptrdiff_t>(packet[i].length));
  }
  uint64_t next_hop(unsigned i) const { return next_hops[nat.way[i]]; }
  void clear() {
    nat.count = 0;
    nat.parsed = nat.stateless = 0;
  }
};

}  // namespace isthmus::dataplane
