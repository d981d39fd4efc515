// SPDX-License-Identifier: BSD-3-Clause
// Which names stand in which group of the table.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/option.h"

namespace isthmus::conf {

/// "nat64[]" and "name" -> "nat64[].name"; at the top, the name alone.
std::string join_path(std::string_view parent, std::string_view name);

/// The section of this path as the table writes it; nullptr when there is none.
const Section* find_section(std::string_view pattern);

/// The name of `path` if it lies directly in group `parent`.
std::optional<std::string_view> name_in(std::string_view parent, std::string_view path);
/// Options and groups that lie directly in group `parent`.
std::vector<std::string_view> names_in(std::string_view parent);

/// What was expected where `typed` stands in group `parent`, with the name that was meant.
std::string expected_name(std::string_view parent, std::string_view typed);

/// The option that names a list's elements; nullptr: they have no names.
const Option* naming_option(const Section& section);
/// An element's name without quotes; empty when it has none.
std::string name_of_element(const Section& section, const void* element);

}  // namespace isthmus::conf
