// SPDX-License-Identifier: BSD-3-Clause
// Commands whose answer is one object.
#pragma once

#include "control/commands.h"

namespace isthmus::control {

Answer show_version(Backend& backend);
Answer show_ports(Backend& backend);
Answer show_interfaces(Backend& backend);
Answer show_workers(Backend& backend, StateWalk& walk);
Answer show_pools(Backend& backend, StateWalk& walk);
Answer show_top_pools(Backend& backend, StateWalk& walk, const Request& request);
Answer deterministic(Backend& backend, const Request& request);
Answer drain_pool(Backend& backend, const Request& request, bool drain);
Answer show_routes(Backend& backend);
Answer show_neighbors(Backend& backend);
Answer show_steering(Backend& backend);
Answer show_memory(Backend& backend, StateWalk& walk);

}  // namespace isthmus::control
