// SPDX-License-Identifier: BSD-3-Clause
// What "capture" and "trace" share: the daemon gathers, and is asked for what has come again and
// again until there is enough.
#pragma once

#include <charconv>
#include <functional>
#include <string>
#include <string_view>

#include "client.h"
#include "net/result.h"
#include "render.h"

namespace isthmus::ctl {

/// A number above zero.
template <class Number>
bool read_number(std::string_view word, Number& out) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out);
  return error == std::errc{} && end == word.data() + word.size() && out > 0;
}

/// Takes what came, an array; false: that is enough.
using TakeBatch = std::function<Result<bool>(const Json& batch)>;

/// Asks for "`command` read", whose answer has a `list`, until `take` has enough, `seconds` are
/// over or Ctrl-C. Says what went wrong. `lost`: what the daemon counted as lost.
ExitCode fetch(Client& client, const std::string& command, const char* list, double seconds,
               const TakeBatch& take, uint64_t& lost);

}  // namespace isthmus::ctl
