// SPDX-License-Identifier: BSD-3-Clause
// All twins, and what the configuration puts on them.
//
// Theory of operation. make() creates a TAP per interface, gives it the interface's MAC and MTU,
// turns off what would make the kernel a second router, sets it up, and installs addresses and
// routes. Some time later the addresses are told once more: routing daemons that read links and
// addresses in two threads (FRR 8.4) lose one that comes right behind its link. NetlinkSync reads
// all this back into the dataplane, together with whatever operators and routing daemons add.
// A twin's MAC has to stay its interface's, or neighbors would send to where no card listens: where
// somebody else changes it (udev does, to a link whose MAC it takes for random), it is put back.
// Everything vanishes with the TAPs. Who asks for the link address of what the translator owns, a
// neighbor on the link or the kernel behind the twin, gets the interface's own from us: the kernel
// knows nothing of pools (decision 015).
#pragma once

#include <ev++.h>

#include <map>
#include <memory>
#include <optional>
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

  /// How long after the start addresses are told again, in seconds.
  static constexpr double kRepeatAfter = 1;

  /// Makes the configured routes those of `wanted`, or leaves them as they are.
  Status update_routes(const std::vector<RoutePlan>& wanted);
  /// From now on ARP and ND are answered for exactly what these plans say.
  void update_answers(const std::vector<TwinPlan>& wanted) { plans_ = wanted; }
  /// Puts back each MAC that somebody changed. To be called when a twin's link changed.
  void keep_macs();
  void to_kernel(dataplane::InterfaceId interface, std::span<const uint8_t> frame);
  /// Asks the kernel to resolve or confirm a neighbor.
  void resolve(dataplane::InterfaceId interface, const IpAddress& address);

  std::map<uint32_t, dataplane::InterfaceId> links() const;
  std::vector<TwinInfo> info() const;

 private:
  TwinSet(NetlinkSocket socket, dataplane::Dataplane& dataplane, const KernelPlan& plan)
      : socket_(std::move(socket)), dataplane_(dataplane), plans_(plan.twins) {}
  Status set_up(const Twin& twin, const dataplane::InterfaceInfo& interface, const TwinPlan& plan);
  bool from_kernel(dataplane::InterfaceId interface, std::span<const uint8_t> frame);
  std::optional<std::vector<uint8_t>> answer(dataplane::InterfaceId interface,
                                             std::span<const uint8_t> frame) const;
  int change_route(Change change, const RoutePlan& route);
  void repeat_addresses();

  NetlinkSocket socket_;
  dataplane::Dataplane& dataplane_;
  std::vector<TwinPlan> plans_;               ///< by InterfaceId
  std::vector<std::unique_ptr<Twin>> twins_;  ///< by InterfaceId
  std::vector<RoutePlan> routes_;             ///< installed from the configuration
  ev::timer repeat_;
};

}  // namespace isthmus::control
