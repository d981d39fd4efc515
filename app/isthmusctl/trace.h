// SPDX-License-Identifier: BSD-3-Clause
// "trace": the daemon tells what becomes of packets, and we put it into words.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "client.h"
#include "net/result.h"

namespace isthmus::ctl {

struct TraceWish {
  std::string filter;  ///< "" or "filter EXPRESSION", for the daemon
  uint64_t count = UINT64_MAX;
  double seconds = 1e9;
};
Result<TraceWish> parse_trace(std::string_view text);

/// A step in words, several lines.
std::string trace_text(const nlohmann::ordered_json& step, uint64_t number);

ExitCode run_trace(Client& client, std::string_view arguments);

}  // namespace isthmus::ctl
