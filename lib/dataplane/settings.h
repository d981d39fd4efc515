// SPDX-License-Identifier: BSD-3-Clause
// From the configuration to what workers are told; make_settings() is in dataplane.h.
#pragma once

#include <vector>

#include "dataplane/core.h"
#include "nat/settings.h"
#include "steer/ownership.h"

namespace isthmus::dataplane {

/// The pools' address ranges; as steer::Ownership wants them.
std::vector<steer::AddressRange> pool_ranges(const nat::Settings& settings);
/// The narrowest port range of any pool; likewise.
steer::Ownership::PortRange narrowest_ports(const nat::Settings& settings);
/// The pools' addresses with the ports that belong to them.
std::vector<PoolCells> pool_cells(const nat::Settings& settings);
/// The static bindings of all instances.
std::vector<nat::StaticBinding> static_bindings(const nat::Settings& settings);

}  // namespace isthmus::dataplane
