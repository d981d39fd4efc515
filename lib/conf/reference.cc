// SPDX-License-Identifier: BSD-3-Clause
// The reference of the configuration file, from the table.
#include "conf/option.h"

namespace isthmus::conf {
namespace {

std::string_view group_of(std::string_view path) {
  const auto dot = path.rfind('.');
  return dot == std::string_view::npos ? std::string_view{} : path.substr(0, dot);
}

std::string range_text(const Option& option) {
  const auto type = option.field.type();
  if (type == "integer" || type == "list of integers" || type == "port range" ||
      type.starts_with("integer, or ")) {
    return fmt::format("{} to {}", option.range.min, option.range.max);
  }
  if (type == "string") {
    return fmt::format("{} to {} characters", option.range.min, option.range.max);
  }
  return "";
}

std::string type_text(const Option& option) {
  auto text = option.field.type();
  if (const auto range = range_text(option); !range.empty()) text += ", " + range;
  if (!option.unit.empty()) text += fmt::format(" ({})", option.unit);
  return text;
}

std::string default_or_required(const Option& option) {
  if (option.required) return "required";
  const auto text = default_text(option);
  return text.empty() || text == "[]" || text == "\"\"" ? "none" : text;
}

std::string_view change_text(const Option& option) {
  return option.change == Change::kLive ? "live" : "restart";
}

/// roff reads a leading dot or apostrophe and every backslash and hyphen as its own.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out.starts_with('.') || out.starts_with('\'') ? "\\&" + out : out;
}

}  // namespace

std::string reference_markdown() {
  std::string out =
      "<!-- Made by gen-docs from lib/conf/options.cc; do not edit. -->\n"
      "# Configuration reference\n\n"
      "The file is libconfig text, `/etc/isthmus/isthmus.conf` unless `isthmusd -c` says "
      "otherwise.\n"
      "`[]` stands for an element of a list. *live* options change with `isthmusctl set` or "
      "`reload`; a\n"
      "*restart* option that differs makes the reload fail, and everything stays as it was.\n";
  for (const auto& section : sections()) {
    out += fmt::format("\n## {}\n\n{}{}\n\n", section.path, section.help,
                       section.required ? " Required." : "");
    out += "| option | type | default | change | meaning |\n|---|---|---|---|---|\n";
    for (const auto& option : options()) {
      if (group_of(option.path) != section.path) continue;
      out += fmt::format("| `{}` | {} | `{}` | {} | {} |\n",
                         option.path.substr(section.path.size() + 1), type_text(option),
                         default_or_required(option), change_text(option), option.help);
    }
  }
  return out;
}

std::string reference_man() {
  std::string out;
  for (const auto& section : sections()) {
    out += fmt::format(".SS {}\n{}{}\n", roff(section.path), roff(section.help),
                       section.required ? " Required." : "");
    for (const auto& option : options()) {
      if (group_of(option.path) != section.path) continue;
      out += fmt::format(".TP\n.B {}\n{}\n.br\nType: {}. Default: {}. Change: {}.\n",
                         roff(option.path.substr(section.path.size() + 1)), roff(option.help),
                         roff(type_text(option)), roff(default_or_required(option)),
                         change_text(option));
    }
  }
  return out;
}

}  // namespace isthmus::conf
