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
  /// Addresses of the translator that lie in a subnet of this interface: pools, IPv4 addresses of
  /// stateless instances, translation prefixes. Neighbors ask for their link address by ARP and
  /// neighbor discovery (control/neighbor_answers.h); workers translate all that is sent there.
  std::vector<net::Ip4Prefix> answered_for;
  std::vector<net::Ip6Prefix> answered_for6;
  /// Gateways of configured routes: real neighbors, even inside a range that is answered for.
  std::vector<IpAddress> gateways;
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
