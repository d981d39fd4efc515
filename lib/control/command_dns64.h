// SPDX-License-Identifier: BSD-3-Clause
// Commands about DNS64.
#pragma once

#include "control/commands.h"

namespace isthmus::control {

Answer show_dns64(Backend& backend, const Request& request);
/// NAME TYPE [--trace]: asks as a client would, and tells each decision.
Answer query_dns64(Backend& backend, const Request& request);
Answer clear_dns64_cache(Backend& backend, const Request& request);

}  // namespace isthmus::control
