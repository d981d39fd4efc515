// SPDX-License-Identifier: BSD-3-Clause
// Whose was an outside address and port at a time.
//
// Theory of operation. Three sources. A deterministic pool's arithmetic answers for any time at
// which the configuration was in force. Tables answer for now; for a time before, they prove as
// much as their sessions are old: who holds a port and last heard from a peer an hour ago has held
// it for an hour. What neither proves was written down by exporters, if any; then the answer says
// what to look for there, and does not guess.
#pragma once

#include "control/commands.h"

namespace isthmus::control {

/// `now_ms`: milliseconds since 1970.
Answer who(Backend& backend, StateWalk& walk, const Request& request, uint64_t now_ms);

}  // namespace isthmus::control
