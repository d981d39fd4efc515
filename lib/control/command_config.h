// SPDX-License-Identifier: BSD-3-Clause
// Commands that show and change the configuration.
//
// Theory of operation. The running configuration is a text (conf::Config::text). A change edits it,
// and Backend::change() checks and applies the result as if it were the file. A group edits a copy
// and applies it at its end; it is refused when something else has changed the configuration
// meanwhile, since nobody has seen what both together are.
#pragma once

#include "control/commands.h"
#include "control/session.h"

namespace isthmus::control {

Answer show_config(Backend& backend, const Session& session, const Request& request);
/// set, add, remove.
Answer change_config(Backend& backend, Session& session, const Request& request);
Answer begin_group(Backend& backend, Session& session);
Answer commit_group(Backend& backend, Session& session, const Request& request);
Answer abort_group(Session& session);
Answer save_config(Backend& backend, const Request& request);
/// What a reload changed, beside that it is done.
Answer reload_config(Backend& backend);

/// A line of a group failed: the group is not whole any more.
void note_failure(Session& session, std::string_view line, const Complaint& complaint);

/// Paths and values that can follow; empty for other commands.
std::vector<std::string> complete_change(const conf::Config& config, std::string_view partial);

}  // namespace isthmus::control
