// SPDX-License-Identifier: BSD-3-Clause
// Where in a configuration's text each setting stands.
//
// Theory of operation. libconfig gives values and lines, not places, and writes a file without its
// comments. So that a change can leave all other characters alone, this reads the same text once
// more and notes where names, values and separators begin and end. It never judges a value. What it
// found is compared with what libconfig found (same_shape), so a misreading is refused, not
// written.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/tree.h"

namespace isthmus::conf {

/// A setting, or an element of a list.
struct Place {
  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);

  Node::Kind kind = Node::Kind::kString;  ///< kString: any single value
  std::string name;
  std::size_t start = 0;             ///< of the name; in a list, of the value
  std::size_t begin = 0, end = 0;    ///< the value, brackets included
  std::size_t separator = kNowhere;  ///< the ";" or "," behind it
  std::vector<Place> children;

  const Place* child(std::string_view wanted) const;
  /// Behind the separator, or behind the value if there is none.
  std::size_t stop() const { return separator == kNowhere ? end : separator + 1; }
};

/// The whole file as a group; nullopt: not understood.
std::optional<Place> outline(std::string_view text);
/// `text` is one value and nothing else: no comment, nothing behind it.
bool is_one_value(std::string_view text);
/// Whether both say that the same settings are there.
bool same_shape(const Place& place, const Node& node);

}  // namespace isthmus::conf
