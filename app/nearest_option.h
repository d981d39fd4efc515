// SPDX-License-Identifier: BSD-3-Clause
// What somebody may have meant who gave a program an option that it does not have.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "conf/nearest.h"

namespace isthmus::app {

/// The long option of `app` that is most like `word`; empty: none is.
inline std::string nearest_option(const CLI::App& app, const std::string& word) {
  std::vector<std::string> known;
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) known.push_back("--" + name);
  }
  return std::string(conf::nearest(word, known));
}

}  // namespace isthmus::app
