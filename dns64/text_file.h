// SPDX-License-Identifier: BSD-3-Clause
// Files of words: one line after the other, "#" begins a comment, errors name the line.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "net/addr.h"
#include "net/result.h"

namespace isthmus::dns64 {

class TextFile {
 public:
  explicit TextFile(std::string_view text) : rest_(text) {}

  /// Goes to the next line that has words; false at the end.
  bool next() {
    while (!rest_.empty()) {
      const std::size_t end = std::min(rest_.find('\n'), rest_.size());
      line_ = rest_.substr(0, end);
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
      ++number_;
      split(line_.substr(0, line_.find('#')));
      if (!words_.empty()) return true;
    }
    return false;
  }
  const std::vector<std::string_view>& words() const { return words_; }
  Error error(const std::string& file, const std::string& expected) const {
    return Error{file + ':' + std::to_string(number_) + ": found \"" +
                 std::string(line_.substr(0, 200)) + "\", expected " + expected};
  }

 private:
  void split(std::string_view text) {
    constexpr std::string_view kBlank = " \t\r";
    words_.clear();
    for (;;) {
      const std::size_t begin = text.find_first_not_of(kBlank);
      if (begin == std::string_view::npos) return;
      const std::size_t end = std::min(text.find_first_of(kBlank, begin), text.size());
      words_.push_back(text.substr(begin, end - begin));
      text.remove_prefix(end);
    }
  }

  std::string_view rest_;
  std::string_view line_;
  std::vector<std::string_view> words_;
  int number_ = 0;
};

}  // namespace isthmus::dns64
