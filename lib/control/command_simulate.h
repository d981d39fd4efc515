// SPDX-License-Identifier: BSD-3-Clause
// What would become of a packet.
#pragma once

#include "control/commands.h"

namespace isthmus::control {

Answer simulate(Backend& backend, const Request& request);

}  // namespace isthmus::control
