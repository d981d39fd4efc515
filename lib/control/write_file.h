// SPDX-License-Identifier: BSD-3-Clause
// Files that a crash leaves either as they were or as they were to be.
#pragma once

#include <string>
#include <string_view>

#include "net/result.h"

namespace isthmus::control {

/// Writes `text` beside `path`, makes it durable and puts it in its place. A file that is there
/// keeps its owner and mode.
Status replace_file(const std::string& path, std::string_view text);

}  // namespace isthmus::control
