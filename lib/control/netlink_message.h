// SPDX-License-Identifier: BSD-3-Clause
// The netlink requests we make, as bytes. No sockets here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "control/netlink_types.h"

struct nlmsghdr;

namespace isthmus::control {

class NetlinkMessage {
 public:
  static constexpr std::size_t kRoom = 256;  ///< more than any request of ours takes

  NetlinkMessage(uint16_t type, uint16_t flags);
  nlmsghdr* header();
  const nlmsghdr* header() const;
  /// Room behind the header for the family's fixed part, zeroed.
  void* extra(std::size_t size);
  void put(uint16_t attribute, const void* data, std::size_t size);
  void put_u32(uint16_t attribute, uint32_t value);
  void put_address(uint16_t attribute, const IpAddress& address);

 private:
  alignas(8) std::array<std::byte, kRoom> bytes_{};
};

/// kRepeat: what is there already is told to all who listen once more.
enum class Change : uint8_t { kAdd, kRemove, kRepeat };

struct RouteRequest {
  IpPrefix prefix;
  uint32_t link = 0;
  std::optional<IpAddress> via;
  uint32_t metric = 0;
};

NetlinkMessage make_link_mtu(uint32_t link, uint32_t mtu);
NetlinkMessage make_link_up(uint32_t link);
/// IPv6 addresses come without duplicate address detection: they work at once.
NetlinkMessage make_address(Change change, uint32_t link, const IpAddress& address, uint8_t length);
NetlinkMessage make_route(Change change, const RouteRequest& route);
/// "Somebody uses this neighbor": the kernel resolves it, or confirms it if it is stale.
NetlinkMessage make_neighbor_use(uint32_t link, const IpAddress& address);

/// What a full picture consists of, in the order it is asked for.
enum class Dump : uint8_t { kAddresses, kRoutes4, kRoutes6, kNeighbors4, kNeighbors6 };
inline constexpr unsigned kDumps = 5;
NetlinkMessage make_dump(Dump dump);

}  // namespace isthmus::control
