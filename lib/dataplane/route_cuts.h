// SPDX-License-Identifier: BSD-3-Clause
// Where in the IPv6 address space the next hop may change, by upper halves of addresses.
//
// Theory of operation. Routes nest, so that between two places where some route begins or ends all
// addresses have the same next hop. The control core notes these places as it adds and removes
// routes; workers only ask (left_right.h: never while it writes). A route longer than half an
// address makes a stretch of its own of the half that it lies in.
#pragma once

#include <cstdint>
#include <iterator>
#include <map>

#include "net/stretch.h"

namespace isthmus::dataplane {

class RouteCuts {
 public:
  /// A route of `length` bits, `high` being what its address begins with, in host order.
  void add(uint64_t high, unsigned length) {
    for_both_ends(high, length, [this](uint64_t at) { ++cuts_[at]; });
  }
  void remove(uint64_t high, unsigned length) {
    for_both_ends(high, length, [this](uint64_t at) {
      const auto cut = cuts_.find(at);
      if (--cut->second == 0) cuts_.erase(cut);
    });
  }

  /// What no route tells from `high`. Empty if that is nothing else: under one upper half next hops
  /// may differ.
  net::Stretch<uint64_t> around(uint64_t high) const {
    const auto above = cuts_.upper_bound(high);
    const uint64_t first = above == cuts_.begin() ? 0 : std::prev(above)->first;
    const uint64_t last = above == cuts_.end() ? ~uint64_t{0} : above->first - 1;
    if (first == last) return {};
    return net::Stretch<uint64_t>::between(first, last);
  }

 private:
  template <class Visit>
  static void for_both_ends(uint64_t high, unsigned length, Visit&& visit) {
    if (length == 0) return visit(0);
    const uint64_t size = length >= 64 ? uint64_t{1} : uint64_t{1} << (64 - length);
    const uint64_t first = high & ~(size - 1);
    visit(first);
    if (const uint64_t behind = first + size; behind != 0) visit(behind);
  }

  std::map<uint64_t, uint32_t> cuts_;  ///< how many routes begin there, or have ended
};

}  // namespace isthmus::dataplane
