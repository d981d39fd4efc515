// SPDX-License-Identifier: BSD-3-Clause
// In what two configurations differ.
#pragma once

#include <string>
#include <vector>

#include "conf/option.h"

namespace isthmus::conf {

struct Difference {
  std::string path;           ///< as find_target() takes it: "nat64.main.timers.udp"
  std::string before, after;  ///< in the syntax of the file; empty: not there
};

/// Elements are known again by their name; those without one by what they say, or their place.
std::vector<Difference> differences(const Config& before, const Config& after);

/// An element as the file would have it: "{ name = \"a\"; ... }", without what is left at default.
std::string element_text(const Section& section, const void* element);

}  // namespace isthmus::conf
