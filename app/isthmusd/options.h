// SPDX-License-Identifier: BSD-3-Clause
// The command line of isthmusd.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "conf/config.h"

namespace isthmus::app {

struct Options {
  std::string file = "/etc/isthmus/isthmus.conf";
  bool check_config = false;
  bool version = false;
  bool dpdk_telemetry = false;
  std::optional<conf::LogLevel> log_level;  ///< overrides the file's
};

/// An exit code instead when the text for the user (help, an error) has been printed.
std::variant<Options, int> parse_options(int argc, char** argv);

}  // namespace isthmus::app
