// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/memory.h"

#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_memory.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

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

uint64_t present(std::byte* start, std::size_t length) {
  constexpr std::size_t kPages = 1024;  // at a time
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  uint64_t bytes = 0;
  std::array<unsigned char, kPages> map;
  for (std::size_t at = 0; at < length; at += kPages * page) {
    const std::size_t part = std::min(kPages * page, length - at);
    if (mincore(start + at, part, map.data()) != 0) return bytes;
    for (std::size_t i = 0; i < (part + page - 1) / page; ++i) bytes += (map[i] & 1u) * page;
  }
  return bytes;
}

// "Rss:   1234 kB"
void add_lines(const char* file, const std::map<std::string, uint64_t*>& wanted) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string name;
    uint64_t kilobytes = 0;
    if (!(words >> name >> kilobytes)) continue;
    const auto at = wanted.find(name);
    if (at != wanted.end()) *at->second += kilobytes * 1024;
  }
}

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

uint64_t pool_bytes(rte_mempool* pool) {
  uint64_t bytes = 0;
  rte_mempool_mem_iter(
      pool,
      [](rte_mempool*, void* sum, rte_mempool_memhdr* chunk, unsigned) {
        *static_cast<uint64_t*>(sum) += chunk->len;
      },
      &bytes);
  return bytes;
}

uint64_t dpdk_bytes() {
  uint64_t bytes = 0;
  rte_memseg_contig_walk(
      [](const rte_memseg_list* list, const rte_memseg* first, std::size_t length, void* sum) {
        if (list->external == 0) {
          *static_cast<uint64_t*>(sum) += present(static_cast<std::byte*>(first->addr), length);
        }
        return 0;
      },
      &bytes);
  return bytes;
}

uint64_t taken_bytes() {
  uint64_t bytes = 0;
  if (rte_eal_has_hugepages() == 0) {
    uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages >> pages;  // the second is what is resident
    return pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  }
  for (unsigned i = 0; i < rte_socket_count(); ++i) {
    rte_malloc_socket_stats stats{};
    if (rte_malloc_get_socket_stats(rte_socket_id_by_idx(i), &stats) == 0) {
      bytes += stats.heap_allocsz_bytes;
    }
  }
  return bytes;
}

ProcessMemory process_memory() {
  ProcessMemory out;
  add_lines("/proc/self/smaps_rollup", {{"Rss:", &out.resident},
                                        {"AnonHugePages:", &out.transparent_huge},
                                        {"ShmemPmdMapped:", &out.transparent_huge},
                                        {"Shared_Hugetlb:", &out.reserved_huge},
                                        {"Private_Hugetlb:", &out.reserved_huge}});
  // Which does not count what hugetlbfs gave.
  out.resident += out.reserved_huge;
  add_lines("/proc/self/status", {{"RssFile:", &out.files}});
  return out;
}

}  // namespace isthmus::dataplane
