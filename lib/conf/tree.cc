// SPDX-License-Identifier: BSD-3-Clause
#include "conf/tree.h"

#include <fmt/format.h>

namespace isthmus::conf {

int Lines::of(std::string path) const {
  for (;;) {
    if (const auto it = lines_.find(path); it != lines_.end()) return it->second;
    const auto cut = path.find_last_of(".[");
    if (cut == std::string::npos) return 0;
    path.resize(cut);
  }
}

Error to_error(const std::string& file, const Problem& problem) {
  std::string where = file;
  if (problem.line > 0) where += fmt::format(":{}", problem.line);
  if (!problem.path.empty()) where += ": " + problem.path;
  return Error{fmt::format("{}: found {}, expected {}", where, problem.found, problem.expected)};
}

std::string quote(std::string_view text) {
  constexpr std::size_t kShown = 80;
  std::string out = "\"";
  for (const char c : text.substr(0, kShown)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + (text.size() > kShown ? "...\"" : "\"");
}

std::string describe(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kBoolean: return node.boolean ? "true" : "false";
    case Node::Kind::kInteger: return std::to_string(node.integer);
    // 17 digits, so that an integer too large for the parser is shown as it was written.
    case Node::Kind::kFloat: return fmt::format("{:.17g}", node.real);
    case Node::Kind::kString: return quote(node.text);
    case Node::Kind::kList:
      return node.children.empty() ? "an empty list"
                                   : fmt::format("a list of {}", node.children.size());
    case Node::Kind::kGroup: return "a group";
  }
  return "nothing";
}

}  // namespace isthmus::conf
