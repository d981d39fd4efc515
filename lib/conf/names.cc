// SPDX-License-Identifier: BSD-3-Clause
#include "conf/names.h"

#include <algorithm>

#include "conf/nearest.h"

namespace isthmus::conf {

std::string join_path(std::string_view parent, std::string_view name) {
  return parent.empty() ? std::string(name) : fmt::format("{}.{}", parent, name);
}

const Section* find_section(std::string_view pattern) {
  const auto all = sections();
  const auto it =
      std::find_if(all.begin(), all.end(), [&](const Section& s) { return s.path == pattern; });
  return it == all.end() ? nullptr : &*it;
}

std::optional<std::string_view> name_in(std::string_view parent, std::string_view path) {
  if (!parent.empty()) {
    if (!path.starts_with(parent) || path.size() <= parent.size() || path[parent.size()] != '.') {
      return std::nullopt;
    }
    path.remove_prefix(parent.size() + 1);
  }
  if (path.find('.') != std::string_view::npos) return std::nullopt;
  if (path.ends_with("[]")) path.remove_suffix(2);
  return path;
}

std::vector<std::string_view> names_in(std::string_view parent) {
  std::vector<std::string_view> names;
  for (const auto& option : options()) {
    if (const auto name = name_in(parent, option.path)) names.push_back(*name);
  }
  for (const auto& section : sections()) {
    if (const auto name = name_in(parent, section.path)) names.push_back(*name);
  }
  return names;
}

std::string expected_name(std::string_view parent, std::string_view typed) {
  const auto names = names_in(parent);
  const auto meant = nearest(typed, names);
  if (!meant.empty()) return fmt::format("\"{}\" (did you mean that?)", meant);
  std::string all;
  for (const auto name : names) all += (all.empty() ? "" : ", ") + std::string(name);
  return "one of: " + all;
}

const Option* naming_option(const Section& section) {
  return section.is_list() ? find_option(std::string(section.path) + ".name") : nullptr;
}

std::string name_of_element(const Section& section, const void* element) {
  const auto* option = naming_option(section);
  if (option == nullptr) return {};
  const auto quoted = option->field.print(element);
  return quoted.size() < 2 ? std::string() : quoted.substr(1, quoted.size() - 2);
}

}  // namespace isthmus::conf
