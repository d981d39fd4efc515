// SPDX-License-Identifier: BSD-3-Clause
// Where in the address space the next hop may change.
//
// Theory of operation. Routes nest, so that between two places where some route begins or ends all
// addresses have the same next hop. The control core notes these places as it adds and removes
// routes; workers only ask (left_right.h: never while it writes). IPv6 is cut by upper halves of
// addresses: a longer route makes a stretch of its own of the one half that it lies in.
#pragma once

#include <cstdint>
#include <iterator>
#include <map>

#include "net/stretch.h"

namespace isthmus::dataplane {

template <class Word>
class RouteCuts {
 public:
  /// A route of `length` bits begins at `first`, which is all that is left of it if it is longer
  /// than a word.
  void add(Word first, unsigned length) {
    for_both_ends(first, length, [this](Word at) { ++cuts_[at]; });
  }
  void remove(Word first, unsigned length) {
    for_both_ends(first, length, [this](Word at) {
      const auto cut = cuts_.find(at);
      if (--cut->second == 0) cuts_.erase(cut);
    });
  }

  /// The words around `word` that no route tells from it. Empty if it is alone: it need not have
  /// one next hop then.
  net::Stretch<Word> around(Word word) const {
    const auto above = cuts_.upper_bound(word);
    const Word first = above == cuts_.begin() ? Word{0} : std::prev(above)->first;
    const Word last = above == cuts_.end() ? ~Word{0} : above->first - 1;
    if (first == last) return {};
    return net::Stretch<Word>::between(first, last);
  }

 private:
  static constexpr unsigned kBits = 8 * sizeof(Word);

  template <class Visit>
  static void for_both_ends(Word first, unsigned length, Visit&& visit) {
    visit(first);
    if (length == 0) return;
    const Word size = length >= kBits ? Word{1} : Word{1} << (kBits - length);
    const Word behind = first + size;
    if (behind != 0) visit(behind);
  }

  std::map<Word, uint32_t> cuts_;  ///< how many routes begin there, or have ended
};

}  // namespace isthmus::dataplane
