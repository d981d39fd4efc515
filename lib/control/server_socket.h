// SPDX-License-Identifier: BSD-3-Clause
// System calls around Unix sockets.
#pragma once

#include <optional>
#include <string>

#include "net/result.h"

namespace isthmus::control {

/// A listening, non-blocking socket at `path`, mode 0660, owned by `group` if there is one.
Result<int> listen_unix(const std::string& path, const std::string& group);

/// "pid 4711 uid 0 (root)" of the process at the other end; nullopt if the kernel does not say.
std::optional<std::string> peer_name(int fd);

/// Whether that process is root's, or of the daemon's own user.
bool peer_is_root(int fd);

}  // namespace isthmus::control
