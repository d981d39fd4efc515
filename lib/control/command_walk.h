// SPDX-License-Identifier: BSD-3-Clause
// Commands that walk through workers' tables, step by step.
#pragma once

#include "control/commands.h"

namespace isthmus::control {

/// Rows of a "show top", if not told otherwise, and at most.
inline constexpr uint64_t kTopByDefault = 10;
inline constexpr uint64_t kMostTop = 1000;

Answer dump_sessions(Backend& backend, StateWalk& walk, const Request& request);
Answer dump_blocks(Backend& backend, StateWalk& walk, const Request& request);
Answer dump_bindings(Backend& backend, StateWalk& walk, const Request& request);
Answer dump_subscribers(Backend& backend, StateWalk& walk, const Request& request);
/// Those with the most sessions, after a walk through all.
Answer top_subscribers(Backend& backend, StateWalk& walk, const Request& request);
Answer clear_sessions(StateWalk& walk, const Request& request);
Answer clear_bindings(StateWalk& walk, const Request& request);

}  // namespace isthmus::control
