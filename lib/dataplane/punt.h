// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Packets from a worker to the control core, over a ring of the worker's own; and to DNS cores,
// over a pair of rings for each.
#pragma once

#include <span>

#include "dataplane/core.h"
#include "dataplane/frame_meta.h"
#include "net/hash.h"
#include "net/headers.h"

namespace isthmus::dataplane {

/// Between one worker and one DNS core.
struct DnsLane {
  std::unique_ptr<SpscRing> queries;
  std::unique_ptr<SpscRing> answers;  ///< frames to transmit
};

/// Whose question a packet is: a client is its /64, or its IPv4 address, as DNS64 counts them
/// (dns64/client_limits.h).
inline uint64_t dns_client(const net::PacketBuf& packet, bool v6) {
  return v6 ? net::header_at<net::Ip6Header>(packet.data)->source.raw_high()
            : net::header_at<net::Ip4Header>(packet.data)->source.value.raw();
}

class Punter {
 public:
  Punter(Core& core, SpscRing& ring, std::span<const DnsLane> dns)
      : core_(core), ring_(ring), dns_(dns) {}

  /// An untagged frame for the box.
  void frame(rte_mbuf* frame, PuntKind kind, InterfaceId from) { punt(frame, kind, from, ring_); }

  /// An untagged frame with a query. All queries of a client go to the same DNS core, whichever
  /// worker has them: what one client may ask is counted there. Without DNS cores the control core
  /// answers.
  void query(rte_mbuf* frame, InterfaceId from, uint64_t client) {
    SpscRing& ring = dns_.empty() ? ring_ : *dns_[core_of(client)].queries;
    if (punt(frame, PuntKind::kDns, from, ring)) core_.counters.add(Counter::kPuntedDns);
  }

  /// An IP packet that waits for the link address of `next_hop`.
  void unresolved(rte_mbuf* packet, InterfaceId out, const Address& next_hop) {
    FrameMeta& meta = meta_of(packet);
    meta.punt = PuntKind::kUnresolved;
    meta.interface = out;
    meta.next_hop = next_hop;
    if (push(packet, ring_)) core_.counters.add(Counter::kUnresolved);
  }

 private:
  std::size_t core_of(uint64_t client) const {
    const uint64_t hash = net::hash_words(core_.fabric.dns_key, client, 0);
    return (hash >> 32) * dns_.size() >> 32;
  }
  bool punt(rte_mbuf* frame, PuntKind kind, InterfaceId from, SpscRing& ring) {
    FrameMeta& meta = meta_of(frame);
    meta.punt = kind;
    meta.interface = from;
    if (!push(frame, ring)) return false;
    core_.counters.add(Counter::kPunted);
    return true;
  }
  bool push(rte_mbuf* mbuf, SpscRing& ring) {
    if (core_.tap != nullptr) [[unlikely]]
      core_.tap->punted(mbuf, meta_of(mbuf).punt);
    if (ring.push(&mbuf, 1) == 1) return true;
    core_.drop(mbuf, DropReason::kPuntFull);
    return false;
  }

  Core& core_;
  SpscRing& ring_;
  std::span<const DnsLane> dns_;
};

}  // namespace isthmus::dataplane
