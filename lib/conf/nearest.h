// SPDX-License-Identifier: BSD-3-Clause
// Which word somebody may have meant.
#pragma once

#include <algorithm>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

namespace isthmus::conf {

/// How many letters were added, left out, replaced, or swapped with their neighbors (optimal string
/// alignment).
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before, last, row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    before = std::exchange(last, row);
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      row[j + 1] = std::min({last[j] + (a[i] != b[j]), last[j + 1] + 1, row[j] + 1});
      const bool swapped = i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j];
      if (swapped) row[j + 1] = std::min(row[j + 1], before[j - 1] + 1);
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
    const auto d = edit_distance(typed.substr(0, kLongest), word);
    // Where more than half of the letters differ there is no likeness.
    if (d >= best || 2 * d > std::max(typed.size(), word.size())) continue;
    best = d;
    found = word;
  }
  return found;
}

}  // namespace isthmus::conf
