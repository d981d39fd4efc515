// SPDX-License-Identifier: BSD-3-Clause
// Which word somebody may have meant.
#pragma once

#include <algorithm>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

namespace isthmus::conf {

/// Levenshtein distance.
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replace = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replace, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

/// The one of `words` that is most like `typed`; empty if none is like it.
template <class Words>
std::string_view nearest(std::string_view typed, const Words& words) {
  constexpr std::size_t kLongest = 64;
  std::string_view found;
  std::size_t best = 1 + std::max<std::size_t>(2, typed.size() / 3);
  for (const std::string_view word : words) {
    // Replacing every letter is no likeness.
    const auto d = edit_distance(typed.substr(0, kLongest), word);
    if (d >= best || d >= word.size()) continue;
    best = d;
    found = word;
  }
  return found;
}

}  // namespace isthmus::conf
