// SPDX-License-Identifier: BSD-3-Clause
// Walks a file's tree and the option table side by side.
#include "conf/names.h"

namespace isthmus::conf {
namespace {

Problem unknown_option(const Node& node, std::string_view pattern, const std::string& path) {
  return {path, node.line, "unknown option " + quote(node.name), expected_name(pattern, node.name)};
}

class Reader {
 public:
  explicit Reader(Lines& lines) : lines_(lines) {}

  Checked group(const Node& node, std::string_view pattern, const std::string& path, void* object) {
    for (const auto& child : node.children) {
      const auto child_pattern = join_path(pattern, child.name);
      if (!find_option(child_pattern) && !find_section(child_pattern) &&
          !find_section(child_pattern + "[]")) {
        return unknown_option(child, pattern, join_path(path, child.name));
      }
      lines_.set(join_path(path, child.name), child.line);
    }
    // Lists first: a port's own `addresses` add an interface after those that are listed.
    for (const auto& child : node.children) {
      if (const auto* section = find_section(join_path(pattern, child.name) + "[]")) {
        if (auto problem = list(child, *section, join_path(path, child.name), object))
          return problem;
      }
    }
    for (const auto& child : node.children) {
      const auto child_path = join_path(path, child.name);
      const auto child_pattern = join_path(pattern, child.name);
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
      return Problem{join_path(path, *name), node.line, "nothing",
                     "this option, which is required"};
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
