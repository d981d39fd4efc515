// SPDX-License-Identifier: BSD-3-Clause
// A configuration file as a tree of values with line numbers, free of the library that parsed it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/result.h"

namespace isthmus::conf {

struct Node {
  enum class Kind : uint8_t { kBoolean, kInteger, kFloat, kString, kList, kGroup };
  Kind kind = Kind::kGroup;
  int line = 0;
  bool boolean = false;
  int64_t integer = 0;
  double real = 0;
  std::string name;  ///< empty in lists and for the root
  std::string text;
  std::vector<Node> children;
};

/// What is wrong with one option. `line` 0: unknown, look it up by the path.
struct Problem {
  std::string path;
  int line = 0;
  std::string found;
  std::string expected;
};
using Checked = std::optional<Problem>;

/// Line of every option that the file gives, by its path as shown ("nat64[0].pools[1].name").
class Lines {
 public:
  void set(const std::string& path, int line) { lines_[path] = line; }
  bool has(const std::string& path) const { return lines_.contains(path); }
  /// The line of `path`, or of the nearest enclosing option that the file does give.
  int of(std::string path) const;

 private:
  std::map<std::string, int> lines_;
};

/// "FILE:LINE: PATH: found X, expected Y", the form of every error.
Error to_error(const std::string& file, const Problem& problem);

/// A value as an error shows it: quoted, shortened, without control characters.
std::string quote(std::string_view text);
std::string describe(const Node& node);

/// Parses libconfig text. Errors carry the line that libconfig names.
Result<Node> parse_tree(std::string_view text, const std::string& file);

}  // namespace isthmus::conf
