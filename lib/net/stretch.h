// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Addresses in a row.
#pragma once

namespace isthmus::net {

/// `count` words from `first` on, in host order, such as the upper halves of IPv6 addresses. Empty
/// unless made otherwise. Of all words that there are, the last has no room in it.
template <class Word>
struct Stretch {
  Word first = 0;
  Word count = 0;

  bool empty() const { return count == 0; }
  bool holds(Word word) const { return static_cast<Word>(word - first) < count; }

  /// From `first` to `last`.
  static Stretch between(Word first, Word last) {
    const Word count = last - first + 1;
    return {first, count == 0 ? static_cast<Word>(~Word{0}) : count};
  }
  friend bool operator==(const Stretch&, const Stretch&) = default;
};

}  // namespace isthmus::net
