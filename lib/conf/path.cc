// SPDX-License-Identifier: BSD-3-Clause
#include "conf/path.h"

#include <algorithm>
#include <charconv>

#include "conf/nearest.h"

namespace isthmus::conf {
namespace {

constexpr auto kNoElement = static_cast<std::size_t>(-1);

std::optional<std::size_t> parse_index(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::string> element_names(const Section& section, const void* parent) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < section.size(parent); ++i) {
    names.push_back(name_of_element(section, section.at(parent, i)));
  }
  return names;
}

class PathParser {
 public:
  PathParser(const Config& config, std::string_view path) : rest_(path) {
    target_.object = &config;
  }

  Result<Target> run() {
    do {
      if (auto status = name(); !status) return status.error();
      if (target_.option != nullptr && !rest_.empty()) {
        return Error{fmt::format("{} is an option: found \"{}\" behind it, expected nothing",
                                 target_.path, rest_)};
      }
    } while (!rest_.empty());
    return std::move(target_);
  }

 private:
  // One name, and the element behind it if it is a list's.
  Status name() {
    const auto name = rest_.substr(0, rest_.find_first_of(".["));
    const auto parent = target_.pattern;
    const auto pattern = join_path(parent, name);
    const auto path = join_path(target_.path, name);
    target_.option = find_option(pattern);
    target_.section = find_section(pattern);
    target_.is_element = false;
    if (target_.section == nullptr) target_.section = find_section(pattern + "[]");
    if (name.empty() || (target_.option == nullptr && target_.section == nullptr)) {
      return Error{fmt::format("no option or group {}: found \"{}\", expected {}", quote(path),
                               name, expected_name(parent, name))};
    }
    rest_.remove_prefix(name.size());
    target_.path = path;
    target_.pattern = pattern;
    target_.steps.emplace_back(std::string(name));
    if (target_.section != nullptr && target_.section->is_list()) {
      target_.pattern += "[]";
      if (!rest_.empty()) return element(*target_.section);
    } else if (rest_.starts_with('[')) {
      return Error{
          fmt::format("{} is no list of groups: give its values, not their numbers", path)};
    }
    if (rest_.starts_with('.')) return take_dot();
    return Ok{};
  }

  Status take_dot() {
    rest_.remove_prefix(1);
    if (!rest_.empty()) return Ok{};
    return Error{fmt::format("nothing behind the dot after {}: expected {}", target_.path,
                             expected_name(target_.pattern, ""))};
  }

  Status element(const Section& section) {
    const auto names = element_names(section, target_.object);
    const bool in_brackets = rest_.starts_with('[');
    const auto found = in_brackets ? bracketed(names) : dotted(section, names);
    if (!found) return found.error();
    if (*found >= names.size()) {
      return Error{fmt::format("{} has {} elements, numbered from 0: found [{}]", target_.path,
                               names.size(), *found)};
    }
    target_.path += fmt::format("[{}]", *found);
    target_.steps.emplace_back(*found);
    target_.object = section.at(target_.object, *found);
    target_.is_element = true;
    if (rest_.starts_with('.')) return take_dot();
    if (rest_.empty()) return Ok{};
    return Error{
        fmt::format("found {} after {}, expected a dot and a name", quote(rest_), target_.path)};
  }

  Error no_element(std::string_view typed, const std::vector<std::string>& names) const {
    std::string all;
    for (const auto& name : names) all += (all.empty() ? "" : ", ") + name;
    const auto meant = nearest(typed, names);
    return Error{fmt::format(
        "{} has no element {}: expected {}", target_.path, quote(typed),
        names.empty()     ? "none, the list is empty"
        : !meant.empty()  ? fmt::format("\"{}\" (did you mean that?)", meant)
        : all.size() <= 2 ? fmt::format("a number from 0 to {} in brackets", names.size() - 1)
                          : "one of: " + all)};
  }

  Result<std::size_t> bracketed(const std::vector<std::string>& names) {
    const auto close = rest_.find(']');
    if (close == std::string_view::npos) return Error{"a \"]\" is missing in the path"};
    const auto inside = rest_.substr(1, close - 1);
    rest_.remove_prefix(close + 1);
    if (const auto index = parse_index(inside)) return *index;
    const auto it = std::ranges::find(names, inside);
    if (inside.empty() || it == names.end()) return no_element(inside, names);
    return static_cast<std::size_t>(it - names.begin());
  }

  // The longest name that stands there; or, of a list of one, its element unsaid.
  Result<std::size_t> dotted(const Section& section, const std::vector<std::string>& names) {
    const auto typed = rest_.substr(1);
    std::size_t found = kNoElement;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i].empty() || !typed.starts_with(names[i])) continue;
      const auto behind = typed.substr(names[i].size());
      if (!behind.empty() && behind.front() != '.') continue;
      if (found == kNoElement || names[i].size() > names[found].size()) found = i;
    }
    if (found != kNoElement) {
      rest_.remove_prefix(1 + names[found].size());
      return found;
    }
    const auto word = typed.substr(0, typed.find_first_of(".["));
    if (names.size() == 1) {
      const auto inner = names_in(section.path);
      if (std::ranges::find(inner, word) != inner.end()) return std::size_t{0};
    }
    return no_element(word, names);
  }

  std::string_view rest_;
  Target target_;
};

/// A group alone is offered with its dot too: of two words a shell does not think that they end
/// here.
std::vector<std::string> with_dot(std::vector<std::string> paths) {
  if (paths.size() == 1) paths.push_back(paths.front() + '.');
  return paths;
}

}  // namespace

Result<Target> find_target(const Config& config, std::string_view path) {
  return PathParser(config, path).run();
}

std::string element_path(const Section& section, const void* parent, std::size_t index,
                         std::string_view list_path) {
  const auto names = element_names(section, parent);
  const auto& name = names[index];
  if (name.empty() || std::ranges::count(names, name) != 1 || parse_index(name)) {
    return fmt::format("{}[{}]", list_path, index);
  }
  const bool is_plain = name.find_first_of(".[]") == std::string::npos;
  return is_plain ? fmt::format("{}.{}", list_path, name) : fmt::format("{}[{}]", list_path, name);
}

std::vector<std::string> complete_path(const Config& config, std::string_view typed) {
  const auto dot = typed.rfind('.');
  const auto parent = typed.substr(0, dot == std::string_view::npos ? 0 : dot);
  std::vector<std::string> out;
  const auto offer = [&](std::string path) {
    if (path.starts_with(typed)) out.push_back(std::move(path));
  };
  std::string pattern;
  if (!parent.empty()) {
    const auto target = find_target(config, parent);
    if (!target || target->option != nullptr) return out;
    pattern = target->pattern;
    if (target->is_group_list()) {
      const auto count = target->section->size(target->object);
      for (std::size_t i = 0; i < count; ++i) {
        offer(element_path(*target->section, target->object, i, parent));
      }
      if (count != 1) return with_dot(std::move(out));
    }
  }
  for (const auto name : names_in(pattern)) offer(join_path(parent, name));
  const bool is_option =
      out.size() == 1 && find_option(join_path(pattern, out[0].substr(out[0].rfind('.') + 1)));
  return is_option ? out : with_dot(std::move(out));
}

}  // namespace isthmus::conf
