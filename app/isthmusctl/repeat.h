// SPDX-License-Identifier: BSD-3-Clause
// Commands that isthmusctl itself carries out, by asking the daemon again and again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "client.h"
#include "net/result.h"

namespace isthmus::ctl {

/// "[every SECONDS] [times N] REST"
struct Repeat {
  double seconds = 2;
  uint64_t times = UINT64_MAX;
  std::string rest;
};
Result<Repeat> parse_repeat(std::string_view text);

/// watch [every SECONDS] [times N] COMMAND
ExitCode run_watch(Client& client, std::string_view arguments);
/// top [every SECONDS] [times N]
ExitCode run_top(Client& client, std::string_view arguments);

}  // namespace isthmus::ctl
