// SPDX-License-Identifier: BSD-3-Clause
// Commands about stateless instances. Mappings are the configuration's, so workers are not asked.
#pragma once

#include "control/commands.h"

namespace isthmus::control {

Answer show_siit(Backend& backend);
Answer show_eam(Backend& backend, const Request& request);

}  // namespace isthmus::control
