// SPDX-License-Identifier: BSD-3-Clause
// Answers for people: tables and lists from any JSON, without knowing the command.
//
// Theory of operation. An object is a list of fields; a field that holds objects is a table; a
// stream of objects is one table. Units come from names: *_ms, *_mbps, *_percent and what has
// "bytes" in it. A field X followed by X_port is shown as one, ADDRESS:PORT. A table is held until
// kSample rows have told how wide its columns are; later rows are printed as they come, so a
// stream of any length needs little memory. On a terminal too narrow for a row, columns go on in
// indented lines below, broken at the same places in every row; sentences at the end of a row go on
// below their own beginning.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace isthmus::ctl {

using Json = nlohmann::ordered_json;
using Sink = std::function<void(std::string_view)>;

class Table {
 public:
  static constexpr std::size_t kSample = 256;

  /// `line_width` is the terminal's; 0: no limit.
  explicit Table(Sink sink, std::size_t line_width = 0, bool styles = false)
      : sink_(std::move(sink)), line_width_(line_width), styles_(styles) {}
  /// Columns are those of the first row; a field that a later row adds is left out.
  void add(const Json& row);
  void finish();

 private:
  struct Column {
    std::string key;  ///< of the JSON field
    bool has_port = false;
    bool has_numbers = false;
    bool has_text = false;  ///< "-" aside
    std::size_t width = 0;
    bool starts_line = false;
    bool is_filled = false;  ///< the last one, of sentences that a line has no room for
  };
  static constexpr std::size_t kIndent = 4;

  void make_columns(const Json& row);
  void break_lines();
  void print_header();
  void print(const std::vector<std::string>& cells);
  void flush();

  Sink sink_;
  std::size_t line_width_;
  bool styles_;  ///< the header is bold
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> held_;
  bool is_streaming_ = false;
};

/// One object that is not a row.
void render_object(const Json& object, const Sink& sink, std::size_t line_width = 0,
                   bool styles = false);

/// Words of `text`, which begins at column `indent`, broken into lines that fit and begin there
/// too. As it is if there is hardly any room, or `line_width` is 0 (no limit).
std::string fill(std::string_view text, std::size_t indent, std::size_t line_width);

/// A value as people read it; `key` tells its unit.
std::string human(std::string_view key, const Json& value);

}  // namespace isthmus::ctl
