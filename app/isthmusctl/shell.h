// SPDX-License-Identifier: BSD-3-Clause
// The interactive shell: line editing, history and completion by libedit.
#pragma once

#include "client.h"

namespace isthmus::ctl {

/// Until "exit", "quit" or end of input.
ExitCode run_shell(Client& client);

}  // namespace isthmus::ctl
