// SPDX-License-Identifier: BSD-3-Clause
#include "conf/difference.h"

#include "conf/names.h"
#include "conf/path.h"

namespace isthmus::conf {
namespace {

std::string list_text(const Section& section, const void* parent) {
  std::string out;
  for (std::size_t i = 0; i < section.size(parent); ++i) {
    out += (out.empty() ? "" : ", ") + element_text(section, section.at(parent, i));
  }
  return out.empty() ? out : "( " + out + " )";
}

std::string group_text(std::string_view pattern, const void* object) {
  std::string out;
  const auto say = [&](std::string_view name, const std::string& text) {
    if (!text.empty()) out += fmt::format("{} = {}; ", name, text);
  };
  for (const auto name : names_in(pattern)) {
    const auto inner = join_path(pattern, name);
    if (const auto* option = find_option(inner)) {
      auto text = option->field.print(object);
      if (text != default_text(*option)) say(name, text);
    } else if (const auto* list = find_section(inner + "[]")) {
      say(name, list_text(*list, object));
    } else if (const auto members = group_text(inner, object); !members.empty()) {
      say(name, "{ " + members + "}");
    }
  }
  return out;
}

class Comparison {
 public:
  void group(std::string_view pattern, const std::string& path, const void* a, const void* b) {
    for (const auto name : names_in(pattern)) {
      const auto inner = join_path(pattern, name);
      const auto inner_path = join_path(path, name);
      if (const auto* option = find_option(inner)) {
        note(inner_path, option->field.print(a), option->field.print(b));
      } else if (const auto* section = find_section(inner + "[]")) {
        list(*section, inner_path, a, b);
      } else {
        group(inner, inner_path, a, b);
      }
    }
  }
  std::vector<Difference> take() { return std::move(found_); }

 private:
  static constexpr auto kNone = static_cast<std::size_t>(-1);

  void note(const std::string& path, std::string before, std::string after) {
    if (before != after) found_.push_back({path, std::move(before), std::move(after)});
  }

  static std::string key_of(const Section& section, const void* element) {
    return naming_option(section) != nullptr ? name_of_element(section, element)
                                             : element_text(section, element);
  }

  // For each element of `b` the one of `a` that it was.
  static std::vector<std::size_t> match(const Section& section, const void* a, const void* b) {
    std::vector<bool> taken(section.size(a));
    std::vector<std::size_t> partner(section.size(b), kNone);
    std::vector<std::string> keys(taken.size());
    for (std::size_t k = 0; k < keys.size(); ++k) keys[k] = key_of(section, section.at(a, k));
    for (std::size_t i = 0; i < partner.size(); ++i) {
      const auto key = key_of(section, section.at(b, i));
      // At its old place first: long lists hardly move.
      for (std::size_t n = 0; n < keys.size() && partner[i] == kNone; ++n) {
        const auto k = (i + n) % keys.size();
        if (taken[k] || keys[k] != key) continue;
        partner[i] = k;
        taken[k] = true;
      }
    }
    // What has no name and changed where it stands.
    for (std::size_t i = 0; i < partner.size() && naming_option(section) == nullptr; ++i) {
      if (partner[i] != kNone || i >= taken.size() || taken[i]) continue;
      partner[i] = i;
      taken[i] = true;
    }
    return partner;
  }

  void list(const Section& section, const std::string& path, const void* a, const void* b) {
    const auto partner = match(section, a, b);
    std::vector<bool> kept(section.size(a));
    for (const auto k : partner) {
      if (k != kNone) kept[k] = true;
    }
    for (std::size_t k = 0; k < kept.size(); ++k) {
      if (kept[k]) continue;
      note(element_path(section, a, k, path), element_text(section, section.at(a, k)), "");
    }
    for (std::size_t i = 0; i < partner.size(); ++i) {
      const auto here = element_path(section, b, i, path);
      if (partner[i] == kNone) {
        note(here, "", element_text(section, section.at(b, i)));
      } else {
        group(section.path, here, section.at(a, partner[i]), section.at(b, i));
      }
    }
  }

  std::vector<Difference> found_;
};

}  // namespace

std::string element_text(const Section& section, const void* element) {
  return "{ " + group_text(section.path, element) + "}";
}

std::vector<Difference> differences(const Config& before, const Config& after) {
  Comparison comparison;
  comparison.group("", "", &before, &after);
  return comparison.take();
}

}  // namespace isthmus::conf
