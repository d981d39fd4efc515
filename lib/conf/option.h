// SPDX-License-Identifier: BSD-3-Clause
// The table of options: the only list of what a configuration file may say. The parser, the checks,
// `show config`, the reference pages and the decision what needs a restart all read it.
//
// Theory of operation. A path pattern such as "nat64[].timers.udp" names an option in every element
// of the list "nat64". Its Field says which member of which structure it fills: the structure is
// that of the innermost list element (here Nat64), or Config itself. Type and default are not
// repeated in the table: they are the member's own.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "conf/codec.h"
#include "conf/config.h"
#include "conf/tree.h"

namespace isthmus::conf {

enum class Change : uint8_t { kLive, kRestart };

/// Access to one member of a list element or of Config, without its type.
struct Field {
  std::string (*type)();
  Checked (*read)(const Node& node, const Range& range, const std::string& path, void* object);
  std::string (*print)(const void* object);  ///< empty: nothing to show
};

struct Option {
  std::string_view path;
  Field field;
  Change change = Change::kLive;
  Range range = {};
  std::string_view unit = {};
  bool required = false;
  std::string_view help;
};

/// A group, or a list of groups ("[]" at the end) with access to its elements.
struct Section {
  std::string_view path;
  std::string_view help;
  bool required = false;
  void* (*append)(void* parent) = nullptr;
  std::size_t (*size)(const void* parent) = nullptr;
  const void* (*at)(const void* parent, std::size_t index) = nullptr;
  /// The option by which a reload knows an element again. Elements may come and go then; without,
  /// their number and order are fixed at start.
  std::string_view key = {};

  bool is_list() const { return append != nullptr; }
};

std::span<const Option> options();
/// The option of this path as the table writes it; nullptr when there is none.
const Option* find_option(std::string_view path);
std::span<const Section> sections();

/// The list element that `pattern` belongs to: "nat64[].timers.udp" -> "nat64[]"; "" for Config.
std::string_view element_of(std::string_view pattern);

/// Fills `config` from `root`, noting where each option stands.
Checked read_config(const Node& root, Config& config, Lines& lines);

/// One option of one element, e.g. "nat64[0].timers.udp".
struct Value {
  std::string path;
  const Option* option;
  std::string text;  ///< in the syntax of the file
};
/// All values in force, defaults included, in the order of the table.
std::vector<Value> values(const Config& config);
/// The option's default in the syntax of the file; empty if it has none.
std::string default_text(const Option& option);

/// What cannot be said in the table: contradictions between options.
Checked check_config(const Config& config, const Lines& lines);

/// The options as Markdown (doc/generated/config.md) and as a manual page (isthmus.conf.5).
std::string reference_markdown();
std::string reference_man();

}  // namespace isthmus::conf
