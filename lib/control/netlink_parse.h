// SPDX-License-Identifier: BSD-3-Clause
// What the kernel tells over netlink, as plain structs. No sockets here.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "control/neighbor_queue.h"
#include "control/netlink_types.h"

struct nlmsghdr;

namespace isthmus::control {

struct AddressEvent {
  bool present = false;
  uint32_t link = 0;
  IpAddress address;
};

/// The "link" of blackhole, unreachable and prohibit routes.
inline constexpr uint32_t kDiscard = 0;

struct RouteHop {
  uint32_t link = 0;  ///< kDiscard: nowhere
  std::optional<IpAddress> via;
  friend bool operator==(const RouteHop&, const RouteHop&) = default;
};

struct RouteEvent {
  bool present = false;
  bool append = false;  ///< a hop joins those there are, instead of replacing them
  IpPrefix prefix;
  uint32_t table = 0;
  uint32_t metric = 0;
  std::vector<RouteHop> hops;  ///< those that are alive
};

struct NeighborEvent {
  uint32_t link = 0;
  IpAddress address;
  NeighborState state = NeighborState::kGone;
  std::optional<net::Mac> mac;
};

/// Something changed from which the kernel draws silent conclusions: it removes IPv4 routes of a
/// link that goes down without telling.
struct LinkEvent {
  uint32_t link = 0;  ///< 0: any
};

/// monostate: nothing that concerns forwarding.
using NetlinkEvent =
    std::variant<std::monostate, AddressEvent, RouteEvent, NeighborEvent, LinkEvent>;

/// The message must be complete (mnl_nlmsg_ok). Attributes of wrong size are treated as absent.
NetlinkEvent parse_netlink(const nlmsghdr* message);

}  // namespace isthmus::control
