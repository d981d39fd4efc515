// SPDX-License-Identifier: BSD-3-Clause
// Whole files, bounded.
#pragma once

#include <string>

#include "net/result.h"

namespace isthmus::conf {

/// The text of a regular file of at most `limit` bytes. The error names the file, what was found,
/// and `expected`.
Result<std::string> read_file(const std::string& path, std::size_t limit,
                              const std::string& expected);

}  // namespace isthmus::conf
