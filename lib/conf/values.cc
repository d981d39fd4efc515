// SPDX-License-Identifier: BSD-3-Clause
// The configuration in force, value by value, and what of it needs a restart to change.
#include "conf/load.h"
#include "conf/option.h"

namespace isthmus::conf {
namespace {

/// "nat64[0]" + "nat64[].timers.udp" -> "nat64[0].timers.udp"
std::string show_path(std::string_view element, std::string_view pattern, const std::string& path) {
  return path + std::string(pattern.substr(element.size()));
}

std::string_view list_name(const Section& section) {
  return section.path.substr(0, section.path.size() - 2);
}

void collect(std::string_view element, const std::string& path, const void* object,
             std::vector<Value>& out) {
  for (const auto& option : options()) {
    if (element_of(option.path) != element) continue;
    auto text = option.field.print(object);
    if (!text.empty()) {
      out.push_back({show_path(element, option.path, path), &option, std::move(text)});
    }
  }
  for (const auto& section : sections()) {
    if (!section.is_list() || element_of(list_name(section)) != element) continue;
    for (std::size_t i = 0; i < section.size(object); ++i) {
      collect(section.path, fmt::format("{}[{}]", show_path(element, list_name(section), path), i),
              section.at(object, i), out);
    }
  }
}

bool has_restart_option(const Section& section) {
  for (const auto& option : options()) {
    if (option.path.starts_with(section.path) && option.change == Change::kRestart) return true;
  }
  return false;
}

void compare(std::string_view element, const std::string& path, const void* a, const void* b,
             std::vector<std::string>& out);

/// Elements that both lists have, by their key.
void compare_known(const Section& section, const std::string& name, const void* a, const void* b,
                   std::vector<std::string>& out) {
  const Option* key = find_option(section.key);
  for (std::size_t i = 0; i < section.size(b); ++i) {
    for (std::size_t k = 0; k < section.size(a); ++k) {
      const void* const before = section.at(a, k);
      const void* const after = section.at(b, i);
      if (key->field.print(before) != key->field.print(after)) continue;
      compare(section.path, fmt::format("{}[{}]", name, i), before, after, out);
    }
  }
}

void compare(std::string_view element, const std::string& path, const void* a, const void* b,
             std::vector<std::string>& out) {
  for (const auto& option : options()) {
    if (option.change != Change::kRestart || element_of(option.path) != element) continue;
    if (option.field.print(a) != option.field.print(b)) {
      out.push_back(show_path(element, option.path, path));
    }
  }
  for (const auto& section : sections()) {
    if (!section.is_list() || element_of(list_name(section)) != element ||
        !has_restart_option(section)) {
      continue;
    }
    const auto name = show_path(element, list_name(section), path);
    if (!section.key.empty()) {
      compare_known(section, name, a, b, out);
      continue;
    }
    if (section.size(a) != section.size(b)) {
      out.push_back(name);
      continue;
    }
    for (std::size_t i = 0; i < section.size(a); ++i) {
      compare(section.path, fmt::format("{}[{}]", name, i), section.at(a, i), section.at(b, i),
              out);
    }
  }
}

}  // namespace

std::string_view element_of(std::string_view pattern) {
  const auto at = pattern.rfind("[].");
  return at == std::string_view::npos ? std::string_view{} : pattern.substr(0, at + 2);
}

std::vector<Value> values(const Config& config) {
  std::vector<Value> out;
  collect("", "", &config, out);
  return out;
}

std::string default_text(const Option& option) {
  if (option.required) return {};
  const auto element = element_of(option.path);
  if (element.empty()) return option.field.print(std::make_unique<Config>().get());
  // A fresh element of the list, made by the list itself. Lists nest at most twice.
  Config config;
  void* parent = &config;
  for (const auto& section : sections()) {
    if (section.is_list() && element.starts_with(section.path)) parent = section.append(parent);
  }
  return option.field.print(parent);
}

namespace {

const Pool* find_pool(const Nat64& instance, const std::string& name) {
  for (const auto& pool : instance.pools) {
    if (pool.name == name) return &pool;
  }
  return nullptr;
}

/// The division of a deterministic pool is what ownership of packets follows.
void compare_deterministic(const Config& a, const Config& b, std::vector<std::string>& out) {
  for (std::size_t i = 0; i < std::min(a.nat64.size(), b.nat64.size()); ++i) {
    for (std::size_t k = 0; k < b.nat64[i].pools.size(); ++k) {
      const Pool& pool = b.nat64[i].pools[k];
      if (pool.allocation != Allocation::kDeterministic) continue;
      const Pool* before = find_pool(a.nat64[i], pool.name);
      const auto path = fmt::format("nat64[{}].pools[{}]", i, k);
      if (before == nullptr) {
        out.push_back(path);
      } else if (print_value(before->ranges) != print_value(pool.ranges)) {
        out.push_back(path + ".addresses");
      }
    }
    for (const auto& pool : a.nat64[i].pools) {
      if (pool.allocation == Allocation::kDeterministic &&
          find_pool(b.nat64[i], pool.name) == nullptr) {
        out.push_back(fmt::format("nat64[{}].pools", i));
      }
    }
  }
}

}  // namespace

std::vector<std::string> needs_restart(const Config& running, const Config& wanted) {
  std::vector<std::string> out;
  compare("", "", &running, &wanted, out);
  compare_deterministic(running, wanted, out);
  return out;
}

}  // namespace isthmus::conf
