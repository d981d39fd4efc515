// SPDX-License-Identifier: BSD-3-Clause
#include "conf/splice.h"

namespace isthmus::conf {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

std::size_t line_start(std::string_view text, std::size_t at) {
  const auto before = text.substr(0, at).rfind('\n');
  return before == std::string_view::npos ? 0 : before + 1;
}

/// The blanks before `at`, if there is nothing else on its line.
std::optional<std::string> indent_of(std::string_view text, std::size_t at) {
  const auto start = line_start(text, at);
  const auto blanks = text.substr(start, at - start);
  if (blanks.find_first_not_of(" \t") != std::string_view::npos) return std::nullopt;
  return std::string(blanks);
}

/// The end of the line if nothing but a comment follows `at` on it; else `at`.
std::size_t line_tail(std::string_view text, std::size_t at) {
  auto end = at;
  while (end < text.size() && is_blank(text[end])) ++end;
  const auto rest = text.substr(end);
  if (rest.empty() || rest.front() == '\n') return end;
  if (rest.front() != '#' && !rest.starts_with("//")) return at;
  const auto newline = text.find('\n', end);
  return newline == std::string_view::npos ? text.size() : newline;
}

std::string with(std::string_view text, std::size_t at, std::string_view what) {
  return std::string(text.substr(0, at)) + std::string(what) + std::string(text.substr(at));
}

std::string without(std::string_view text, std::size_t begin, std::size_t end) {
  return std::string(text.substr(0, begin)) + std::string(text.substr(end));
}

/// Puts `what` behind the last of some neighbors, which `separator` has to end.
std::string behind(std::string_view text, const Place& last, char separator,
                   const std::string& what) {
  const auto indent = indent_of(text, last.start);
  const auto at = indent ? line_tail(text, last.stop()) : last.stop();
  auto out = with(text, at, indent ? '\n' + *indent + what : ' ' + what);
  return last.separator == Place::kNowhere ? with(out, last.end, std::string(1, separator)) : out;
}

std::string insert_setting(std::string_view text, const Place& group, const std::string& setting) {
  if (!group.children.empty()) return behind(text, group.children.back(), ';', setting);
  // Before any other group's bracket stands a name.
  if (group.begin != 0) return with(text, group.begin + 1, ' ' + setting);
  const auto newline = text.empty() || text.ends_with('\n') ? "" : "\n";
  return std::string(text) + newline + setting + '\n';
}

}  // namespace

const Place* place_of(const Place& root, const std::vector<Target::Step>& steps) {
  const Place* place = &root;
  for (const auto& step : steps) {
    if (const auto* name = std::get_if<std::string>(&step)) {
      place = place->child(*name);
    } else {
      const auto index = std::get<std::size_t>(step);
      place = index < place->children.size() ? &place->children[index] : nullptr;
    }
    if (place == nullptr) return nullptr;
  }
  return place;
}

Result<std::string> put_at(std::string_view text, const Place& root,
                           const std::vector<Target::Step>& steps, const std::string& value) {
  if (const auto* place = place_of(root, steps)) {
    return std::string(text.substr(0, place->begin)) + value + std::string(text.substr(place->end));
  }
  auto setting = value;
  auto parent = steps;
  while (!parent.empty()) {
    const auto* name = std::get_if<std::string>(&parent.back());
    if (name == nullptr) {
      return Error{
          "the file writes that in another way, which cannot be changed here: edit it, "
          "then \"reload\""};
    }
    setting = fmt::format("{} = {};", *name, setting);
    parent.pop_back();
    if (const auto* group = place_of(root, parent)) return insert_setting(text, *group, setting);
    setting = "{ " + setting + " }";
  }
  return Error{"no place for that in the file"};
}

std::string append_to(std::string_view text, const Place& list, const std::string& values) {
  if (list.children.empty()) return with(text, list.begin + 1, values);
  return behind(text, list.children.back(), ',', values);
}

std::string erase_from(std::string_view text, const Place& parent, const Place& child) {
  auto begin = child.start;
  auto end = child.stop();
  const bool has_line = indent_of(text, begin).has_value();
  const auto tail = line_tail(text, end);
  if (has_line && (tail == text.size() || text[tail] == '\n')) {
    begin = line_start(text, begin);
    end = tail + (tail < text.size() ? 1 : 0);
  } else {
    while (end < text.size() && is_blank(text[end])) ++end;
  }
  auto out = without(text, begin, end);
  // The last of a list leaves the comma before it behind.
  const bool is_list = parent.kind == Node::Kind::kList;
  if (!is_list || &child != &parent.children.back() || parent.children.size() < 2) return out;
  const auto& previous = parent.children[parent.children.size() - 2];
  if (child.separator == Place::kNowhere && previous.separator != Place::kNowhere) {
    out.erase(previous.separator, 1);
  }
  return out;
}

}  // namespace isthmus::conf
