// SPDX-License-Identifier: BSD-3-Clause
// From the configuration to what workers are told; make_settings() is in dataplane.h.
#pragma once

#include <vector>

#include "conf/config.h"
#include "dataplane/core.h"
#include "steer/ownership.h"

namespace isthmus::dataplane {

/// All pool addresses, sorted; as steer::Ownership wants them.
std::vector<steer::AddressRange> pool_ranges(const conf::Config& config);
/// The same with the ports that belong to the pools.
std::vector<PoolCells> pool_cells(const conf::Config& config);

}  // namespace isthmus::dataplane
