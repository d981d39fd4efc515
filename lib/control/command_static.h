// SPDX-License-Identifier: BSD-3-Clause
// Commands about static bindings.
#pragma once

#include <variant>

#include "control/commands.h"

namespace isthmus::control {

Answer add_static(Backend& backend, const Request& request);
Answer remove_static(Backend& backend, const Request& request);
Answer show_statics(Backend& backend, const Request& request);

/// The binding that "add static" with these arguments means.
std::variant<conf::Static, Complaint> static_of(const Request& request);

}  // namespace isthmus::control
