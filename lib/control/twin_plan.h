// SPDX-License-Identifier: BSD-3-Clause
// What the kernel has to be given for each twin, derived from the configuration. Pure.
#pragma once

#include <string>
#include <vector>

#include "conf/config.h"
#include "control/netlink_types.h"
#include "dataplane/dataplane.h"
#include "net/result.h"

namespace isthmus::control {

struct TwinPlan {
  std::string name;
  std::vector<conf::InterfaceAddress> addresses;
  /// Parts of pools that lie in a subnet of this interface: neighbors ask for them by ARP, so the
  /// kernel has to take them for local. Workers translate all that is sent there.
  std::vector<net::Ip4Prefix> answered_for;
};

struct RoutePlan {
  IpPrefix prefix;
  IpAddress via;
  dataplane::InterfaceId interface = 0;
  friend bool operator==(const RoutePlan&, const RoutePlan&) = default;
};

struct KernelPlan {
  std::vector<TwinPlan> twins;  ///< by InterfaceId
  std::vector<RoutePlan> routes;
};

/// Error: a route whose gateway is in no interface's subnet.
Result<KernelPlan> make_kernel_plan(const conf::Config& config);

/// The fewest prefixes that hold exactly the addresses of the range.
std::vector<net::Ip4Prefix> cover(const conf::AddressRange& range);

}  // namespace isthmus::control
