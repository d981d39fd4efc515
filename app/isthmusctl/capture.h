// SPDX-License-Identifier: BSD-3-Clause
// "capture": the daemon copies packets, and we write them to a file.
//
// Theory of operation. The daemon knows no file: it is asked for what has come, again and again,
// and stops by itself when nobody asks any more. So the file is made with the rights of who wants
// it, and a full disk is a matter between them and us.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "client.h"
#include "net/result.h"

namespace isthmus::ctl {

struct CaptureWish {
  std::string what;  ///< for the daemon: "drops", "punts" or "port NAME", and "filter ..."
  std::string file;  ///< "-": standard output
  uint64_t count = UINT64_MAX;
  double seconds = 1e9;
  uint64_t megabytes = 1000;
};
Result<CaptureWish> parse_capture(std::string_view text);

ExitCode run_capture(Client& client, std::string_view arguments);

}  // namespace isthmus::ctl
