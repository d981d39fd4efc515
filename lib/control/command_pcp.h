// SPDX-License-Identifier: BSD-3-Clause
// Commands about the PCP server, which lives on the control core: workers are not asked.
#pragma once

#include "control/commands.h"

namespace isthmus::control {

Answer show_pcp(Backend& backend);
Answer show_mappings(Backend& backend, const Request& request);

}  // namespace isthmus::control
