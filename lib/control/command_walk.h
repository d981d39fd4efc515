// SPDX-License-Identifier: BSD-3-Clause
// Commands that walk through workers' tables, step by step.
#pragma once

#include "control/commands.h"

namespace isthmus::control {

Answer dump_sessions(Backend& backend, StateWalk& walk, const Request& request);
Answer dump_blocks(Backend& backend, StateWalk& walk, const Request& request);
Answer dump_bindings(Backend& backend, StateWalk& walk, const Request& request);
Answer clear_sessions(StateWalk& walk, const Request& request);
Answer clear_bindings(StateWalk& walk, const Request& request);

}  // namespace isthmus::control
