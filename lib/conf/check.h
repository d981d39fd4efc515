// SPDX-License-Identifier: BSD-3-Clause
// Parts of check_config() that live in a file of their own.
#pragma once

#include "conf/codec.h"
#include "conf/tree.h"

namespace isthmus::conf {

inline constexpr std::size_t kMaxWorkers = 64;  ///< what lib/steer can tell apart
inline constexpr std::size_t kMaxDnsCores = 16;

/// Interface addresses: unicast, each once, none inside a translation prefix.
Checked check_addresses(const Config& config, const Lines& lines);
/// Translation prefixes and stateless IPv4 prefixes do not overlap.
Checked check_prefixes(const Config& config, const Lines& lines);
/// Pool addresses are unicast, in one pool only, and shared with the gateway by port at most.
Checked check_pools(const Config& config, const Lines& lines);
/// Static bindings: ports with a protocol only, addresses of the pool, nothing bound twice.
Checked check_statics(const Config& config, const Lines& lines);
/// Of these, what concerns one binding's addresses and port; for commands as well.
Checked check_static(const Config& config, const Nat64& nat64, const Static& binding,
                     const std::string& path);
/// What one pool's options say fits together and into its addresses.
Checked check_pool_rules(const Config& config, const Lines& lines);
/// Policies of instances.
Checked check_policies(const Config& config, const Lines& lines);
/// Gateways are on a link; a destination has one route.
Checked check_routes(const Config& config, const Lines& lines);

/// DNS64: prefixes to use, addresses of the gateway, resolvers of others.
Checked check_dns64(const Config& config, const Lines& lines);

/// Exporters: each collector and file once, an absolute path, no record twice.
Checked check_exports(const Config& config, const Lines& lines);

/// Name of the interface that has `address`.
std::optional<std::string> find_interface_address(const Config& config, const Address& address);

}  // namespace isthmus::conf
