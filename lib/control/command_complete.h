// SPDX-License-Identifier: BSD-3-Clause
// Words that only the running gateway knows, for completion: names of pools, ports, interfaces.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conf/config.h"

namespace isthmus::control {

/// What can follow `partial` of those commands that take the rest of their line as it is.
std::vector<std::string> complete_names(const conf::Config& config, std::string_view partial);

}  // namespace isthmus::control
