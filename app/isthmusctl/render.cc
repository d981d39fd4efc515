// SPDX-License-Identifier: BSD-3-Clause
#include "render.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace isthmus::ctl {
namespace {

std::string duration(uint64_t ms) {
  if (ms < 1000) return fmt::format("{} ms", ms);
  if (ms < 60'000) return fmt::format("{}.{} s", ms / 1000, ms % 1000 / 100);
  const uint64_t s = ms / 1000;
  if (s < 3600) return fmt::format("{}m {:02}s", s / 60, s % 60);
  if (s < 86400) return fmt::format("{}h {:02}m", s / 3600, s % 3600 / 60);
  return fmt::format("{}d {:02}h", s / 86400, s % 86400 / 3600);
}

std::string bytes(uint64_t count) {
  if (count < 1024) return fmt::format("{} B", count);
  constexpr std::array kUnits{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(count) / 1024;
  std::size_t unit = 0;
  for (; value >= 1023.95 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string speed(uint64_t mbps) {
  if (mbps == 0 || mbps >= 0xffffffff) return "-";  // DPDK's "unknown"
  if (mbps % 1000 == 0) return fmt::format("{} Gb/s", mbps / 1000);
  return fmt::format("{} Mb/s", mbps);
}

/// Text from the other side must not steer the terminal.
std::string printable(std::string_view text) {
  std::string out(text);
  for (auto& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return out;
}

/// Characters, not octets.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string title(std::string_view key) {
  for (const std::string_view unit : {"_ms", "_mbps"}) {
    if (key.ends_with(unit)) key.remove_suffix(unit.size());
  }
  std::string out(key);
  if (out.ends_with("_percent")) out.replace(out.size() - 8, 8, " %");
  std::replace(out.begin(), out.end(), '_', ' ');
  return printable(out);
}

std::string upper(std::string text) {
  for (auto& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

bool is_table(const Json& value) {
  return value.is_array() && !value.empty() &&
         std::all_of(value.begin(), value.end(), [](const Json& v) { return v.is_object(); });
}

std::string cell(const Json& row, const std::string& key, bool has_port) {
  const auto it = row.find(key);
  if (it == row.end()) return "-";
  auto text = human(key, *it);
  if (!has_port) return text;
  const auto port = row.find(key + "_port");
  if (port == row.end() || port->is_null() || *port == 0)
    return text;  // of a ping, a whole address
  if (text.find(':') != std::string::npos) text = '[' + text + ']';
  return text + ':' + human("port", *port);
}

/// Sentences in less room than this are harder to read broken than run on.
constexpr std::size_t kLeastText = 16;

}  // namespace

std::string fill(std::string_view text, std::size_t indent, std::size_t line_width) {
  if (line_width < indent + kLeastText) return std::string(text);
  std::string out;
  std::size_t used = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    if (used != 0 && indent + used + 1 + width(word) > line_width) {
      out += '\n' + std::string(indent, ' ');
      used = 0;
    } else if (used != 0) {
      out += ' ';
      ++used;
    }
    out += word;
    used += width(word);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string human(std::string_view key, const Json& value) {
  if (value.is_null()) return "-";
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_string()) {
    auto text = printable(value.get_ref<const std::string&>());
    return text.empty() ? "-" : text;
  }
  if (value.is_number_unsigned() || (value.is_number_integer() && value.get<int64_t>() >= 0)) {
    const auto number = value.get<uint64_t>();
    if (key.ends_with("_ms")) return duration(number);
    if (key.ends_with("_mbps")) return speed(number);
    if (key.find("bytes") != std::string_view::npos) return bytes(number);
    return std::to_string(number);
  }
  if (value.is_number_float()) {
    const auto number = value.get<double>();
    return key.ends_with("_percent") ? fmt::format("{:.2f}", number) : fmt::format("{}", number);
  }
  if (value.is_array()) {
    std::string out;
    for (const auto& element : value) out += (out.empty() ? "" : ", ") + human(key, element);
    return out.empty() ? "-" : out;
  }
  return printable(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void Table::make_columns(const Json& row) {
  for (const auto& [key, value] : row.items()) {
    if (!columns_.empty() && key == columns_.back().key + "_port") {
      columns_.back().has_port = true;
      continue;
    }
    columns_.push_back({key, false, false, false, width(title(key))});
  }
}

void Table::add(const Json& row) {
  if (columns_.empty()) make_columns(row);
  std::vector<std::string> cells;
  cells.reserve(columns_.size());
  for (const auto& column : columns_) cells.push_back(cell(row, column.key, column.has_port));
  if (is_streaming_) {
    print(cells);
    return;
  }
  for (std::size_t i = 0; i < cells.size(); ++i) {
    columns_[i].width = std::max(columns_[i].width, width(cells[i]));
    // A column with "-" in it may still be one of numbers.
    const auto it = row.find(columns_[i].key);
    if (it != row.end() && it->is_number()) {
      columns_[i].has_numbers = true;
    } else if (cells[i] != "-") {
      columns_[i].has_text = true;
    }
  }
  held_.push_back(std::move(cells));
  if (held_.size() == kSample) flush();
}

void Table::finish() {
  if (!is_streaming_) flush();
}

void Table::flush() {
  is_streaming_ = true;
  if (held_.empty()) {
    sink_("none\n");
    return;
  }
  break_lines();
  print_header();
  for (const auto& cells : held_) print(cells);
  held_.clear();
}

void Table::break_lines() {
  if (line_width_ == 0) return;
  std::size_t used = 0;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    auto& column = columns_[i];
    const bool is_long_text = i + 1 == columns_.size() && column.width * 2 > line_width_;
    column.starts_line = i > 0 && !is_long_text && used + 2 + column.width > line_width_;
    column.is_filled = is_long_text && !column.has_numbers;
    used = column.starts_line ? kIndent + column.width : used + (i > 0 ? 2 : 0) + column.width;
  }
}

void Table::print_header() {
  std::vector<std::string> cells;
  for (const auto& column : columns_) cells.push_back(upper(title(column.key)));
  if (styles_) sink_("\033[1m");
  print(cells);
  if (styles_) sink_("\033[0m");
}

void Table::print(const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const auto used = width(cells[i]);
    const std::string pad(columns_[i].width > used ? columns_[i].width - used : 0, ' ');
    if (columns_[i].starts_line) {
      line.erase(line.find_last_not_of(' ') + 1);
      line += '\n' + std::string(kIndent, ' ');
    } else if (i > 0) {
      line += "  ";
    }
    if (columns_[i].is_filled) {
      const auto begin = line.rfind('\n') + 1;  // 0 if there is none
      line += fill(cells[i], width(std::string_view(line).substr(begin)), line_width_);
    } else {
      const bool is_right = columns_[i].has_numbers && !columns_[i].has_text;
      line += is_right ? pad + cells[i] : cells[i] + pad;
    }
  }
  line.erase(line.find_last_not_of(' ') + 1);
  sink_(line + '\n');
}

void render_object(const Json& object, const Sink& sink, std::size_t line_width, bool styles) {
  if (!object.is_object()) {
    sink(human("", object) + '\n');
    return;
  }
  const bool is_alone = object.size() == 1;
  std::size_t name_width = 0;
  for (const auto& [key, value] : object.items()) {
    if (!value.is_array()) name_width = std::max(name_width, width(title(key)));
  }
  bool is_first = true;
  for (const auto& [key, value] : object.items()) {
    if (is_table(value) || (is_alone && value.is_array() && value.empty())) {
      if (!is_alone) sink((is_first ? "" : "\n") + title(key) + ":\n");
      Table table(sink, line_width, styles);
      for (const auto& row : value) table.add(row);
      table.finish();
    } else if (is_alone && value.is_array()) {
      for (const auto& element : value) sink(human(key, element) + '\n');
    } else if (value.is_string() &&
               value.get_ref<const std::string&>().find('\n') != std::string::npos) {
      sink(value.get_ref<const std::string&>());  // a file, as it is
    } else {
      const auto name = title(key) + ':';
      const std::string pad(name_width + 2 > width(name) ? name_width + 2 - width(name) : 1, ' ');
      sink(name + pad + human(key, value) + '\n');
    }
    is_first = false;
  }
}

}  // namespace isthmus::ctl
