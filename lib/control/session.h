// SPDX-License-Identifier: BSD-3-Clause
// What a client's commands have in common: its group of changes, and what it may do.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "conf/config.h"

namespace isthmus::control {

struct Session {
  /// Changes between "begin" and "commit".
  struct Group {
    std::shared_ptr<const conf::Config> base;  ///< what ran at "begin"
    std::string text;                          ///< the configuration as it is to be
    std::string failure;                       ///< the first line that failed, and why
  };
  std::optional<Group> group;
  /// Files are read and written with the daemon's rights: only root says which.
  bool may_name_files = true;
};

}  // namespace isthmus::control
