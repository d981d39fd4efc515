// SPDX-License-Identifier: BSD-3-Clause
// Writes the running configuration to a file.
#pragma once

#include <string>

#include "conf/config.h"
#include "net/result.h"

namespace isthmus::control {

inline constexpr std::size_t kMaxConfigFile = 4 << 20;  // what the daemon reads

struct SaveWish {
  std::string name;  ///< "x.conf": beside the configuration; empty: the configuration itself
  bool force = false;
};
struct SavedFile {
  std::string file;
  std::string previous;  ///< where the text went that was there; empty: none was
};

/// Replaces the file durably and keeps what was there as FILE.bak. Refuses, unless forced, a file
/// that is not `known_text` (somebody edited it since it was read), or a `name` that exists.
Result<SavedFile> write_config(const conf::Config& running, const std::string& known_text,
                               const SaveWish& wish);

}  // namespace isthmus::control
