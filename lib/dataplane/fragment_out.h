// SPDX-License-Identifier: BSD-3-Clause
// hot path
// A packet that has to leave in fragments.
#pragma once

#include "dataplane/core.h"
#include "xlat/split.h"

namespace isthmus::dataplane {

/// Gives each fragment of `packet`, of at most `mtu` bytes, to `send(rte_mbuf*)`. Frees `mbuf`,
/// which holds the packet. When buffers run out the rest is dropped and counted.
template <class Send>
void send_fragments(Core& core, rte_mbuf* mbuf, const net::PacketBuf& packet, uint16_t mtu,
                    Send&& send) {
  xlat::Splitter splitter(packet, mtu);
  bool whole = true;
  for (uint32_t length = splitter.next_length(); length != 0; length = splitter.next_length()) {
    rte_mbuf* fragment = rte_pktmbuf_alloc(core.pool);
    if (fragment == nullptr || length > rte_pktmbuf_tailroom(fragment)) {
      rte_pktmbuf_free(fragment);
      core.counters.add_drop(DropReason::kNoBuffer);
      whole = false;
      break;
    }
    fragment->data_len = static_cast<uint16_t>(length);
    fragment->pkt_len = length;
    splitter.write_next(rte_pktmbuf_mtod(fragment, uint8_t*));
    core.counters.add(Counter::kFragmentsOut);
    send(fragment);
  }
  if (whole) core.counters.add(Counter::kPacketsSplit);
  rte_pktmbuf_free(mbuf);
}

}  // namespace isthmus::dataplane
