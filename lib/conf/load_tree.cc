// SPDX-License-Identifier: BSD-3-Clause
// The only file that includes libconfig.
#include <cstdlib>
#include <libconfig.h++>

#include <fmt/format.h>

#include "conf/tree.h"

namespace isthmus::conf {
namespace {

// No option lies deeper than five levels; more is a mistake or an attack on the recursion below.
constexpr int kMaxDepth = 12;

/// Copies a file's text for libconfig, passing over strings and comments, because libconfig 1.5
/// needs help with two things:
///   - an integer that does not fit 32 bits wraps silently; written as a floating-point number it
///     is refused by every option, with its value shown;
///   - @include would give lines of another file, and a text that `show config --file` does not
///     have.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) { out_.reserve(text.size() + 16); }

  Checked run() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\0') return Problem{"", line_, "a NUL byte", "text"};
      if (c == '"') {
        copy_string();
      } else if (c == '#' || starts("//")) {
        copy_until("\n");
      } else if (starts("/*")) {
        copy_until("*/");
      } else if (starts("@include")) {
        return Problem{"", line_, "@include", "one file that holds everything"};
      } else if (is_name(c)) {
        copy_word();
      } else {
        copy(1);
      }
    }
    return std::nullopt;
  }
  const std::string& out() const { return out_; }

 private:
  static bool is_name(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '*' || c == '.';
  }
  bool starts(std::string_view what) const { return text_.substr(at_).starts_with(what); }

  void copy(std::size_t count) {
    for (; count > 0 && at_ < text_.size(); --count) {
      if (text_[at_] == '\n') ++line_;
      out_ += text_[at_++];
    }
  }
  void copy_until(std::string_view end) {
    const auto found = text_.find(end, at_ + 1);
    copy(found == std::string_view::npos ? text_.size() - at_ : found + end.size() - at_);
  }
  void copy_string() {
    copy(1);
    while (at_ < text_.size() && text_[at_] != '"') copy(text_[at_] == '\\' ? 2 : 1);
    copy(1);
  }
  void copy_word() {
    const auto begin = at_;
    while (at_ < text_.size() && (is_name(text_[at_]) || text_[at_] == '-')) ++at_;
    const std::string word(text_.substr(begin, at_ - begin));
    out_ += too_large(word) ? fmt::format("{:.1f}", std::strtod(word.c_str(), nullptr)) : word;
  }
  static bool too_large(const std::string& word) {
    if (word.find_first_not_of("0123456789abcdefABCDEFxX") != std::string::npos) return false;
    const bool hex = word.starts_with("0x") || word.starts_with("0X");
    if (!hex && word.find_first_not_of("0123456789") != std::string::npos) return false;
    return std::strtod(word.c_str(), nullptr) > 2147483647.0;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
  std::string out_;
};

Checked convert(const libconfig::Setting& setting, int depth, Node& node) {
  using Setting = libconfig::Setting;
  node.line = static_cast<int>(setting.getSourceLine());
  if (setting.getName() != nullptr) node.name = setting.getName();
  if (depth > kMaxDepth) return Problem{"", node.line, "too deep a nesting", "options"};
  switch (setting.getType()) {
    case Setting::TypeBoolean:
      node.kind = Node::Kind::kBoolean;
      node.boolean = setting;
      return std::nullopt;
    case Setting::TypeInt:
      node.kind = Node::Kind::kInteger;
      node.integer = static_cast<int>(setting);
      return std::nullopt;
    case Setting::TypeInt64:
      node.kind = Node::Kind::kInteger;
      node.integer = static_cast<long long>(setting);
      return std::nullopt;
    case Setting::TypeFloat:
      node.kind = Node::Kind::kFloat;
      node.real = setting;
      return std::nullopt;
    case Setting::TypeString:
      node.kind = Node::Kind::kString;
      node.text = static_cast<const char*>(setting);
      return std::nullopt;
    case Setting::TypeGroup: node.kind = Node::Kind::kGroup; break;
    default: node.kind = Node::Kind::kList; break;
  }
  node.children.resize(static_cast<std::size_t>(setting.getLength()));
  for (int i = 0; i < setting.getLength(); ++i) {
    if (auto problem = convert(setting[i], depth + 1, node.children[static_cast<std::size_t>(i)])) {
      return problem;
    }
  }
  return std::nullopt;
}

}  // namespace

Result<Node> parse_tree(std::string_view text, const std::string& file) {
  Scanner scanner(text);
  if (auto problem = scanner.run()) return to_error(file, *problem);
  try {
    libconfig::Config config;
    config.readString(scanner.out().c_str());
    Node root;
    if (auto problem = convert(config.getRoot(), 0, root)) return to_error(file, *problem);
    return root;
  } catch (const libconfig::ParseException& e) {
    return to_error(file, {"", e.getLine(), e.getError(), "libconfig syntax (isthmus.conf(5))"});
  } catch (const libconfig::SettingException& e) {
    return to_error(file, {"", 0, e.what(), "libconfig syntax (isthmus.conf(5))"});
  }
}

}  // namespace isthmus::conf
