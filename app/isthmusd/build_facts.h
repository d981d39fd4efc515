// SPDX-License-Identifier: BSD-3-Clause
// What this binary is: for --version and `show version`.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace isthmus::app {

std::vector<std::pair<std::string, std::string>> build_facts();

}  // namespace isthmus::app
