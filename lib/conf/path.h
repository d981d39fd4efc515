// SPDX-License-Identifier: BSD-3-Clause
// Paths of options as an operator writes them: "nat64.main.timers.udp", "nat64[0].timers.udp",
// "dns64.zones[example.org].upstreams". An element of a list is named by its number from 0 or by
// its name; where a list has one element only, it need not be named.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "conf/names.h"

namespace isthmus::conf {

/// What a path names: an option, a group, a list of groups, or an element of one.
struct Target {
  using Step = std::variant<std::string, std::size_t>;  ///< a name, or an element's number
  std::vector<Step> steps;
  std::string path;     ///< as errors and `show config` write it: "nat64[0].timers.udp"
  std::string pattern;  ///< as the table writes it: "nat64[].timers.udp"
  const Option* option = nullptr;
  const Section* section = nullptr;  ///< if it is no option
  bool is_element = false;           ///< of `section`
  const void* object = nullptr;      ///< the innermost element, or the Config

  bool is_group_list() const { return section != nullptr && section->is_list() && !is_element; }
  bool is_value_list() const {
    return option != nullptr && option->field.type().starts_with("list");
  }
};

/// Error: which name is not known, and what was expected.
Result<Target> find_target(const Config& config, std::string_view path);

/// Paths that begin with `typed`, up to the next dot: for completion.
std::vector<std::string> complete_path(const Config& config, std::string_view typed);

/// An element with its list's path: by name if it has one that is nobody else's, else by number.
std::string element_path(const Section& section, const void* parent, std::size_t index,
                         std::string_view list_path);

}  // namespace isthmus::conf
