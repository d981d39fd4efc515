// SPDX-License-Identifier: BSD-3-Clause
#include "conf/outline.h"

#include <algorithm>

namespace isthmus::conf {
namespace {

constexpr int kMaxLevels = 12;  // as the reader of trees

bool is_word_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         c == '*' || c == '.' || c == '-' || c == '+';
}

class OutlineParser {
 public:
  OutlineParser(std::string_view text, bool comments) : text_(text), comments_(comments) {}

  bool settings(Place& group, char closing, int level) {
    for (;;) {
      skip();
      if (at_end() || text_[at_] == closing) return at_end() == (closing == '\0');
      Place setting;
      setting.start = at_;
      while (!at_end() && is_word_char(text_[at_])) setting.name += text_[at_++];
      skip();
      if (setting.name.empty() || at_end() || (text_[at_] != ':' && text_[at_] != '=')) {
        return false;
      }
      ++at_;
      if (!value(setting, level + 1)) return false;
      separator(setting, ";,");
      group.children.push_back(std::move(setting));
    }
  }

  bool value(Place& place, int level) {
    skip();
    if (at_end() || level > kMaxLevels) return false;
    place.begin = at_;
    switch (text_[at_]) {
      case '{': place.kind = Node::Kind::kGroup; return bracketed(place, '}', level);
      case '(': place.kind = Node::Kind::kList; return bracketed(place, ')', level);
      case '[': place.kind = Node::Kind::kList; return bracketed(place, ']', level);
      case '"': return strings(place);
      default: return word(place);
    }
  }

  void skip() {
    while (!at_end()) {
      const auto rest = text_.substr(at_);
      if (rest.front() == ' ' || (rest.front() >= '\t' && rest.front() <= '\r')) {
        ++at_;
      } else if (comments_ && (rest.front() == '#' || rest.starts_with("//"))) {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (comments_ && rest.starts_with("/*")) {
        const auto close = text_.find("*/", at_ + 2);
        at_ = close == std::string_view::npos ? text_.size() : close + 2;
      } else {
        return;
      }
    }
  }
  bool at_end() const { return at_ >= text_.size(); }

 private:
  bool bracketed(Place& place, char closing, int level) {
    ++at_;
    const bool understood =
        closing == '}' ? settings(place, closing, level) : elements(place, closing, level);
    if (!understood || at_end()) return false;
    place.end = ++at_;
    return true;
  }

  bool elements(Place& list, char closing, int level) {
    for (;;) {
      skip();
      if (at_end()) return false;
      if (text_[at_] == closing) return true;
      Place element;
      element.start = at_;
      if (!value(element, level + 1)) return false;
      separator(element, ",");
      list.children.push_back(std::move(element));
    }
  }

  // Adjacent strings are one.
  bool strings(Place& place) {
    while (!at_end() && text_[at_] == '"') {
      for (++at_; !at_end() && text_[at_] != '"'; ++at_) {
        if (text_[at_] == '\\') ++at_;
      }
      if (at_end()) return false;
      place.end = ++at_;
      const auto behind = at_;
      skip();
      if (at_end() || text_[at_] != '"') {
        at_ = behind;
        return true;
      }
    }
    return true;
  }

  bool word(Place& place) {
    while (!at_end() && is_word_char(text_[at_])) ++at_;
    place.end = at_;
    return place.end > place.begin;
  }

  void separator(Place& place, std::string_view which) {
    const auto behind = at_;
    skip();
    if (!at_end() && which.find(text_[at_]) != std::string_view::npos) {
      place.separator = at_++;
    } else {
      at_ = behind;
    }
  }

  std::string_view text_;
  bool comments_;
  std::size_t at_ = 0;
};

}  // namespace

const Place* Place::child(std::string_view wanted) const {
  const auto found = std::ranges::find(children, wanted, &Place::name);
  return found == children.end() ? nullptr : &*found;
}

std::optional<Place> outline(std::string_view text) {
  Place root;
  root.kind = Node::Kind::kGroup;
  root.end = text.size();
  if (!OutlineParser(text, true).settings(root, '\0', 0)) return std::nullopt;
  return root;
}

bool is_one_value(std::string_view text) {
  OutlineParser parser(text, false);
  Place place;
  if (!parser.value(place, 0)) return false;
  parser.skip();
  return parser.at_end();
}

bool same_shape(const Place& place, const Node& node) {
  const auto kind = node.kind == Node::Kind::kGroup || node.kind == Node::Kind::kList
                        ? node.kind
                        : Node::Kind::kString;
  return place.kind == kind && place.name == node.name &&
         std::ranges::equal(place.children, node.children, same_shape);
}

}  // namespace isthmus::conf
