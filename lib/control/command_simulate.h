// SPDX-License-Identifier: BSD-3-Clause
// What would become of a packet.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "control/commands.h"
#include "dataplane/prospect.h"

namespace isthmus::control {

/// The same words about a packet that did go through, as fields behind those of `out`.
void describe_step(Backend& backend, const dataplane::Prospect& prospect,
                   nlohmann::ordered_json& out);

Answer simulate(Backend& backend, const Request& request);

}  // namespace isthmus::control
