// SPDX-License-Identifier: BSD-3-Clause
// From the configuration to what workers are told; make_settings() is in dataplane.h.
#pragma once

#include <vector>

#include "nat/settings.h"

namespace isthmus::dataplane {

/// The static bindings of all instances.
std::vector<nat::StaticBinding> static_bindings(const nat::Settings& settings);

}  // namespace isthmus::dataplane
