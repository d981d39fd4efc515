// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/memory.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include <algorithm>

#include "dataplane/frame_meta.h"

namespace isthmus::dataplane {
namespace {

// Ethernet header and two VLAN tags (the second is not ours, but the frame must be seen to be
// refused).
constexpr uint32_t kLinkRoom = RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN;
// Some NICs want their receive buffers to be multiples of this.
constexpr uint32_t kRoomUnit = 1024;

static_assert(RTE_PKTMBUF_HEADROOM >= net::kMinHeadroom,
              "DPDK was built with less headroom than translation needs");

}  // namespace

Result<Pool> make_pool(unsigned buffers, uint16_t mtu, int socket) {
  static unsigned serial = 0;
  const std::string name = fmt::format("isthmus-buffers-{}", serial++);
  const uint32_t frame = std::max<uint32_t>(mtu + kLinkRoom, RTE_MBUF_DEFAULT_DATAROOM);
  const uint32_t room =
      std::min<uint32_t>(RTE_ALIGN_CEIL(frame, kRoomUnit) + RTE_PKTMBUF_HEADROOM, UINT16_MAX);
  Pool pool(rte_pktmbuf_pool_create(name.c_str(), buffers, kPoolCache, kFrameMetaSize,
                                    static_cast<uint16_t>(room), socket));
  if (!pool) {
    return Error{
        fmt::format("no memory for {} packet buffers of {} bytes, {} MB ({}): raise "
                    "memory.megabytes by as much, "
                    "or lower memory.buffers, queues or descriptors",
                    buffers, room, (uint64_t{buffers} * room >> 20) + 1, rte_strerror(rte_errno))};
  }
  return pool;
}

}  // namespace isthmus::dataplane
