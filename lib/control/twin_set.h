// SPDX-License-Identifier: BSD-3-Clause
// All twins, and what the configuration puts on them.
//
// Theory of operation. make() creates a TAP per interface, gives it the interface's MAC and MTU,
// turns off what would make the kernel a second router, sets it up, and installs addresses, routes
// and the prefixes it answers ARP for. NetlinkSync reads all this back into the dataplane, together
// with whatever operators and routing daemons add. Everything vanishes with the TAPs.
#pragma once

#include <ev.h>

#include <map>
#include <memory>
#include <span>
#include <vector>

#include "control/netlink_socket.h"
#include "control/twin.h"
#include "control/twin_plan.h"
#include "dataplane/dataplane.h"

namespace isthmus::control {

class TwinSet {
 public:
  /// Configured routes stand behind those of a routing daemon, and beside a default route of the
  /// box's own management network, which they must not replace.
  static constexpr uint32_t kRouteMetric = 2048;

  static Result<std::unique_ptr<TwinSet>> make(struct ev_loop* loop,
                                               dataplane::Dataplane& dataplane,
                                               const KernelPlan& plan);

  /// Makes the configured routes those of `wanted`, or leaves them as they are.
  Status update_routes(const std::vector<RoutePlan>& wanted);
  /// Makes the kernel answer ARP for exactly what these plans say, or leaves it as it was.
  Status update_answers(const std::vector<TwinPlan>& wanted);
  void to_kernel(dataplane::InterfaceId interface, std::span<const uint8_t> frame);
  /// Asks the kernel to resolve or confirm a neighbor.
  void resolve(dataplane::InterfaceId interface, const IpAddress& address);

  std::map<uint32_t, dataplane::InterfaceId> links() const;
  std::vector<TwinInfo> info() const;

 private:
  explicit TwinSet(NetlinkSocket socket) : socket_(std::move(socket)) {}
  Status set_up(const Twin& twin, const dataplane::InterfaceInfo& interface, const TwinPlan& plan);
  int change_answer(Change change, const Twin& twin, const net::Ip4Prefix& prefix);
  int change_route(Change change, const RoutePlan& route);

  NetlinkSocket socket_;
  std::vector<std::unique_ptr<Twin>> twins_;          ///< by InterfaceId
  std::vector<RoutePlan> routes_;                     ///< installed from the configuration
  std::vector<std::vector<net::Ip4Prefix>> answers_;  ///< likewise, by InterfaceId
};

}  // namespace isthmus::control
