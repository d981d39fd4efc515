// SPDX-License-Identifier: BSD-3-Clause
// What travels with an mbuf when it changes threads: it lies in the mbuf's private area, which
// every pool of ours has. Within one worker nothing is written here; that costs a cache line.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "dataplane/dataplane.h"
#include "nat/translator.h"
#include "net/packet_buf.h"
#include "net/parse.h"

namespace isthmus::dataplane {

/// No packet needs more hops between workers. The longest way is a hairpinned fragment's: home of
/// its datagram, owner, home and owner of its second half, and a worker with a transmit queue.
inline constexpr uint8_t kMaxHops = 6;

struct FrameMeta {
  enum class Task : uint8_t {
    kDecide,    ///< a parsed IP packet that the receiver owns
    kHome,      ///< a parsed IPv4 fragment; the receiver is the home of its datagram
    kTransmit,  ///< a complete frame for `port`
    kReceive,   ///< a complete frame to be treated as one that `port` received
    kPlain,     ///< the same, with a plain packet (net/plain.h) in it that the receiver owns
  } task;
  PuntKind punt;
  uint8_t hops;
  bool keep_hop_limit;
  nat::Past past;
  InterfaceId interface;
  uint16_t port;
  nat::Class cls;
  net::PacketView view;
  std::variant<net::Ip4, net::Ip6> next_hop;
};

inline constexpr uint16_t kFrameMetaSize =
    RTE_ALIGN_CEIL(sizeof(FrameMeta), static_cast<size_t>(RTE_MBUF_PRIV_ALIGN));

inline FrameMeta& meta_of(rte_mbuf* mbuf) {
  return *static_cast<FrameMeta*>(rte_mbuf_to_priv(mbuf));
}

/// The packet of a single-segment mbuf whose data starts at the IP header.
inline net::PacketBuf packet_of(rte_mbuf* mbuf) {
  return {rte_pktmbuf_mtod(mbuf, uint8_t*), mbuf->data_len, rte_pktmbuf_headroom(mbuf),
          rte_pktmbuf_tailroom(mbuf)};
}

/// Writes a changed packet's place and length back.
inline void sync_mbuf(rte_mbuf* mbuf, const net::PacketBuf& packet) {
  mbuf->data_off = static_cast<uint16_t>(packet.data - static_cast<const uint8_t*>(mbuf->buf_addr));
  mbuf->data_len = static_cast<uint16_t>(packet.length);
  mbuf->pkt_len = packet.length;
}

}  // namespace isthmus::dataplane
