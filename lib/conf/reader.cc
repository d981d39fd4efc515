// SPDX-License-Identifier: BSD-3-Clause
// Walks a file's tree and the option table side by side.
#include <algorithm>

#include "conf/nearest.h"
#include "conf/option.h"

namespace isthmus::conf {
namespace {

std::string join(std::string_view parent, std::string_view name) {
  return parent.empty() ? std::string(name) : fmt::format("{}.{}", parent, name);
}

const Section* find_section(std::string_view pattern) {
  const auto all = sections();
  const auto it =
      std::find_if(all.begin(), all.end(), [&](const Section& s) { return s.path == pattern; });
  return it == all.end() ? nullptr : &*it;
}

/// The name of `path` if it lies directly in group `parent`.
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

Problem unknown_option(const Node& node, std::string_view pattern, const std::string& path) {
  const auto names = names_in(pattern);
  std::string all;
  for (const auto name : names) all += (all.empty() ? "" : ", ") + std::string(name);
  const auto meant = nearest(node.name, names);
  auto expected =
      meant.empty() ? "one of: " + all : fmt::format("\"{}\" (did you mean that?)", meant);
  return {path, node.line, "unknown option " + quote(node.name), std::move(expected)};
}

class Reader {
 public:
  explicit Reader(Lines& lines) : lines_(lines) {}

  Checked group(const Node& node, std::string_view pattern, const std::string& path, void* object) {
    for (const auto& child : node.children) {
      const auto child_pattern = join(pattern, child.name);
      if (!find_option(child_pattern) && !find_section(child_pattern) &&
          !find_section(child_pattern + "[]")) {
        return unknown_option(child, pattern, join(path, child.name));
      }
      lines_.set(join(path, child.name), child.line);
    }
    // Lists first: a port's own `addresses` add an interface after those that are listed.
    for (const auto& child : node.children) {
      if (const auto* section = find_section(join(pattern, child.name) + "[]")) {
        if (auto problem = list(child, *section, join(path, child.name), object)) return problem;
      }
    }
    for (const auto& child : node.children) {
      const auto child_path = join(path, child.name);
      const auto child_pattern = join(pattern, child.name);
      if (const auto* option = find_option(child_pattern)) {
        if (auto problem = this->option(child, *option, child_path, object)) return problem;
      } else if (find_section(child_pattern)) {
        if (child.kind != Node::Kind::kGroup) return wrong(child, child_path, "a group { ... }");
        if (auto problem = group(child, child_pattern, child_path, object)) return problem;
      }
    }
    return missing(node, pattern, path);
  }

 private:
  Checked option(const Node& node, const Option& option, const std::string& path, void* object) {
    if (node.kind == Node::Kind::kList) {
      for (std::size_t i = 0; i < node.children.size(); ++i) {
        lines_.set(fmt::format("{}[{}]", path, i), node.children[i].line);
      }
      if (option.required && node.children.empty()) {
        return wrong(node, path, "at least one element");
      }
    }
    return option.field.read(node, option.range, path, object);
  }

  Checked list(const Node& node, const Section& section, const std::string& path, void* object) {
    if (node.kind != Node::Kind::kList) return wrong(node, path, "a list ( { ... }, ... )");
    if (section.required && node.children.empty()) {
      return wrong(node, path, "at least one element");
    }
    for (std::size_t i = 0; i < node.children.size(); ++i) {
      const auto& child = node.children[i];
      const auto child_path = fmt::format("{}[{}]", path, i);
      lines_.set(child_path, child.line);
      if (child.kind != Node::Kind::kGroup) return wrong(child, child_path, "a group { ... }");
      void* const element = section.append(object);
      if (auto problem = group(child, section.path, child_path, element)) return problem;
    }
    return std::nullopt;
  }

  static Checked missing(const Node& node, std::string_view pattern, const std::string& path) {
    const auto absent = [&](std::string_view full) -> Checked {
      const auto name = name_in(pattern, full);
      if (!name) return std::nullopt;
      for (const auto& child : node.children) {
        if (child.name == *name) return std::nullopt;
      }
      return Problem{join(path, *name), node.line, "nothing", "this option, which is required"};
    };
    for (const auto& option : options()) {
      if (!option.required) continue;
      if (auto problem = absent(option.path)) return problem;
    }
    for (const auto& section : sections()) {
      if (!section.required) continue;
      if (auto problem = absent(section.path)) return problem;
    }
    return std::nullopt;
  }

  Lines& lines_;
};

}  // namespace

Checked read_config(const Node& root, Config& config, Lines& lines) {
  if (auto problem = Reader(lines).group(root, "", "", &config)) return problem;
  for (auto& port : config.ports) {
    if (port.interfaces.empty()) port.interfaces.emplace_back();
    for (auto& interface : port.interfaces) {
      interface.name =
          interface.vlan == 0 ? port.name : fmt::format("{}.{}", port.name, interface.vlan);
    }
  }
  for (std::size_t i = 0; i < config.routes.size(); ++i) {
    config.routes[i].line = lines.of(fmt::format("routes[{}]", i));
  }
  config.dns64.enabled = lines.has("dns64");
  config.pcp.enabled = lines.has("pcp");
  if (config.dns64.enabled && config.dns64.nat64.empty() && !config.nat64.empty()) {
    config.dns64.nat64 = config.nat64.front().name;
  }
  return std::nullopt;
}

}  // namespace isthmus::conf
