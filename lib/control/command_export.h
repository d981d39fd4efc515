// SPDX-License-Identifier: BSD-3-Clause
// Commands about exporters of NAT events.
#pragma once

#include "control/commands.h"

namespace isthmus::control {

Answer show_export(Backend& backend);

}  // namespace isthmus::control
