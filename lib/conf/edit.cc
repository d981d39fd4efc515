// SPDX-License-Identifier: BSD-3-Clause
#include "conf/edit.h"

#include <algorithm>

#include "conf/difference.h"
#include "conf/path.h"
#include "conf/splice.h"

namespace isthmus::conf {
namespace {

/// A text, read and outlined.
struct Draft {
  std::string text;
  Config config;
  Place root;
};

Result<Draft> read_draft(std::string text) {
  const auto tree = parse_tree(text, "configuration");
  if (!tree) return tree.error();
  Draft draft;
  Lines lines;
  if (const auto problem = read_config(*tree, draft.config, lines)) {
    return Error{
        fmt::format("{}: found {}, expected {}", problem->path, problem->found, problem->expected)};
  }
  auto root = outline(text);
  if (!root || !same_shape(*root, *tree)) {
    return Error{
        "the configuration's text is not understood well enough to change it; edit the "
        "file, then \"reload\""};
  }
  draft.root = std::move(*root);
  draft.text = std::move(text);
  return draft;
}

std::vector<std::string> pieces(std::string_view value) {
  std::vector<std::string> out;
  std::string piece;
  bool is_quoted = false;
  for (const char c : value) {
    if (c == '"') is_quoted = !is_quoted;
    if (!is_quoted && (c == ' ' || c == ',' || c == '\t')) {
      if (!piece.empty()) out.push_back(std::move(piece));
      piece.clear();
    } else {
      piece += c;
    }
  }
  if (!piece.empty()) out.push_back(std::move(piece));
  return out;
}

std::string joined(const std::vector<std::string>& values) {
  std::string out;
  for (const auto& value : values) out += (out.empty() ? "" : ", ") + value;
  return out;
}

/// A value as the file has it, and nothing more.
bool is_literal(const std::string& value) {
  return is_one_value(value) && parse_tree("v = " + value + ";", "value");
}

/// What `value` may mean in the file, likeliest first: as it is, or a text without its quotes.
std::vector<std::string> meanings(const std::string& value) {
  std::vector<std::string> out;
  if (is_literal(value)) out.push_back(value);
  if (!value.starts_with('"')) out.push_back(print_value(value));
  return out;
}

/// Likewise of the elements of a list: "[a, b]" or "a b", with brackets left out.
std::vector<std::string> list_meanings(const std::string& value) {
  std::vector<std::string> out;
  if (value.starts_with('[') || value.starts_with('(')) {
    if (is_literal(value)) out.push_back(value.substr(1, value.find_last_of("])") - 1));
    return out;
  }
  auto words = pieces(value);
  if (std::ranges::all_of(words, is_literal)) out.push_back(joined(words));
  for (auto& word : words) {
    if (!word.starts_with('"')) word = print_value(word);
  }
  if (std::ranges::all_of(words, is_literal)) out.push_back(joined(words));
  return out;
}

bool wants_numbers(const Target& target) {
  const auto type = target.option->field.type();
  return type.find("integer") != std::string::npos || type == "boolean";
}

/// The first meaning with which the text can be read; else the error of the one that fits the type.
template <class Build>
Result<std::string> first_that_reads(const std::vector<std::string>& meanings, bool first_is_best,
                                     const Build& build) {
  std::optional<Error> first, last;
  for (const auto& meaning : meanings) {
    auto text = build(meaning);
    if (!text) return text;
    auto draft = read_draft(std::move(*text));
    if (draft) return std::move(draft->text);
    if (!first) first = draft.error();
    last = draft.error();
  }
  if (!first) return Error{"the value is no single value: quote it, or see isthmus.conf(5)"};
  return first_is_best ? *first : *last;
}

/// A list option's values as they are printed, one by one.
std::vector<std::string> elements_of(const Target& target) {
  const auto text = "v = " + target.option->field.print(target.object) + ";";
  std::vector<std::string> out;
  const auto root = outline(text);
  if (!root || root->children.size() != 1) return out;
  for (const auto& child : root->children.front().children) {
    out.push_back(text.substr(child.begin, child.end - child.begin));
  }
  return out;
}

class Editor {
 public:
  Editor(const Draft& draft, const Target& target, const Edit& edit)
      : draft_(draft), target_(target), edit_(edit) {}

  Result<std::string> set() const {
    if (target_.option == nullptr) {
      return Error{fmt::format("{} is a {}, not an option: \"set\" one of its options, or \"add\"",
                               target_.path, target_.is_group_list() ? "list of groups" : "group")};
    }
    if (edit_.value.empty()) return Error{"no value: give one behind " + edit_.path};
    if (!target_.is_value_list()) {
      return first_that_reads(meanings(edit_.value), wants_numbers(target_),
                              [&](const std::string& value) { return put(value); });
    }
    return first_that_reads(list_meanings(edit_.value), wants_numbers(target_),
                            [&](const std::string& values) { return put('[' + values + ']'); });
  }

  Result<std::string> add() const {
    if (edit_.value.empty()) return Error{"nothing to add: give a value behind " + edit_.path};
    if (target_.is_value_list()) return add_values();
    if (target_.option != nullptr || target_.is_element) {
      return Error{fmt::format("{} is no list: \"set\" gives it a value", target_.path)};
    }
    if (!edit_.value.starts_with('{') || !is_literal(edit_.value)) {
      return Error{fmt::format("{}: found {}, expected a group {{ ... }}", target_.path,
                               quote(edit_.value))};
    }
    return target_.is_group_list() ? add_element() : add_group();
  }

  Result<std::string> remove() const {
    if (edit_.value.empty()) return remove_place();
    if (target_.is_value_list()) return remove_values();
    if (target_.is_group_list()) return remove_like();
    return Error{fmt::format("{} is no list: \"remove\" takes no value behind it", target_.path)};
  }

 private:
  Result<std::string> put(const std::string& literal) const {
    return put_at(draft_.text, draft_.root, target_.steps, literal);
  }

  Result<std::string> add_values() const {
    const auto old = elements_of(target_);
    return first_that_reads(
        list_meanings(edit_.value), wants_numbers(target_),
        [&](const std::string& values) -> Result<std::string> {
          const auto* list = place_of(draft_.root, target_.steps);
          if (list != nullptr) return append_to(draft_.text, *list, values);
          return put('[' + joined(old) + (old.empty() ? "" : ", ") + values + ']');
        });
  }

  Result<std::string> add_element() const {
    return first_that_reads({edit_.value}, true,
                            [&](const std::string& group) -> Result<std::string> {
                              const auto* list = place_of(draft_.root, target_.steps);
                              if (list != nullptr) return append_to(draft_.text, *list, group);
                              return put("( " + group + " )");
                            });
  }

  Result<std::string> add_group() const {
    if (place_of(draft_.root, target_.steps) != nullptr) {
      return Error{target_.path + " is there already: \"set\" its options"};
    }
    return first_that_reads({edit_.value}, true,
                            [&](const std::string& group) { return put(group); });
  }

  Result<std::string> remove_place() const {
    const auto* place = place_of(draft_.root, target_.steps);
    if (place == nullptr) {
      return Error{target_.path + " is not given, so there is nothing to remove"};
    }
    auto steps = target_.steps;
    steps.pop_back();
    return reread(erase_from(draft_.text, *place_of(draft_.root, steps), *place));
  }

  // "[a, b]" and "a b" alike, each written in any way that reads the same.
  Result<std::string> remove_values() const {
    const auto wanted_text = set();
    if (!wanted_text) return wanted_text.error();
    const auto wanted = read_draft(*wanted_text);
    if (!wanted) return wanted.error();
    const auto other = find_target(wanted->config, edit_.path);
    if (!other) return other.error();
    auto text = draft_.text;
    for (const auto& value : elements_of(*other)) {
      auto without = remove_value(text, value);
      if (!without) return without.error();
      text = std::move(*without);
    }
    return reread(std::move(text));
  }

  Result<std::string> remove_value(const std::string& text, const std::string& value) const {
    const auto draft = read_draft(text);
    if (!draft) return draft.error();
    const auto target = find_target(draft->config, edit_.path);
    if (!target) return target.error();
    auto left = elements_of(*target);
    const auto found = std::ranges::find(left, value);
    if (found == left.end()) {
      return Error{fmt::format("{} has no {}: it has {}", target_.path, value,
                               left.empty() ? "nothing" : joined(left))};
    }
    if (const auto* list = place_of(draft->root, target->steps)) {
      const auto index = static_cast<std::size_t>(found - left.begin());
      return erase_from(text, *list, list->children[index]);
    }
    left.erase(found);
    return put_at(text, draft->root, target->steps, '[' + joined(left) + ']');
  }

  // The element of a list of groups that says the same.
  Result<std::string> remove_like() const {
    const auto longer_text = add();
    if (!longer_text) return longer_text.error();
    const auto longer = read_draft(*longer_text);
    if (!longer) return longer.error();
    const auto other = find_target(longer->config, edit_.path);
    if (!other) return other.error();
    const auto& section = *target_.section;
    const auto size = section.size(other->object);
    const auto wanted = element_text(section, section.at(other->object, size - 1));
    const auto* list = place_of(draft_.root, target_.steps);
    for (std::size_t i = 0; list != nullptr && i < list->children.size(); ++i) {
      if (element_text(section, section.at(target_.object, i)) != wanted) continue;
      return reread(erase_from(draft_.text, *list, list->children[i]));
    }
    return Error{fmt::format("{} has no element {}", target_.path, wanted)};
  }

  static Result<std::string> reread(std::string text) {
    auto draft = read_draft(std::move(text));
    if (!draft) return draft.error();
    return std::move(draft->text);
  }

  const Draft& draft_;
  const Target& target_;  ///< into draft_.config
  const Edit& edit_;
};

}  // namespace

Result<std::string> edit_text(const std::string& text, const Edit& edit) {
  const auto draft = read_draft(text);
  if (!draft) return draft.error();
  const auto target = find_target(draft->config, edit.path);
  if (!target) return target.error();
  Editor editor(*draft, *target, edit);
  switch (edit.kind) {
    case EditKind::kSet: return editor.set();
    case EditKind::kAdd: return editor.add();
    case EditKind::kRemove: return editor.remove();
  }
  return Error{"no such change"};
}

}  // namespace isthmus::conf
