// SPDX-License-Identifier: BSD-3-Clause
// hot path
// An index whose new entries may wait for the line that they go to.
//
// Theory of operation. The outside name of a new flow is known only when its port has been chosen,
// so nothing could fetch the line of the index ahead, and each new flow would stand still for it.
// Within a burst an entry is therefore only noted, its line prefetched, and written a few flows
// later. What is noted counts as being there: find() looks at it first. Outside of bursts nothing
// waits.
#pragma once

#include "nat/index.h"

namespace isthmus::nat {

class LateIndex {
 public:
  static std::size_t need(uint32_t capacity) { return Index::need(capacity); }
  bool init(Arena& arena, uint32_t capacity) { return index_.init(arena, capacity); }

  void begin_burst() { in_burst_ = true; }
  void end_burst() {
    in_burst_ = false;
    settle();
  }
  /// Complete outside of bursts, and at the start of one.
  const Index& index() const { return index_; }

  void insert(uint64_t hash, uint32_t record) {
    if (!in_burst_) return index_.insert(hash, record);
    __builtin_prefetch(index_.bucket(hash), 1);
    if (count_ == kDepth) write_oldest();
    waiting_[(first_ + count_++) % kDepth] = {hash, record};
  }
  void erase(uint64_t hash, uint32_t record) {
    settle();
    index_.erase(hash, record);
  }
  template <class Equal>
  uint32_t find(uint64_t hash, Equal&& equal) const {
    for (unsigned i = 0; i < count_; ++i) {
      const Entry& entry = waiting_[(first_ + i) % kDepth];
      if (entry.hash == hash && equal(entry.record)) return entry.record;
    }
    return index_.find(hash, equal);
  }

 private:
  static constexpr unsigned kDepth = 8;
  struct Entry {
    uint64_t hash;
    uint32_t record;
  };
  void write_oldest() {
    index_.insert(waiting_[first_].hash, waiting_[first_].record);
    first_ = (first_ + 1) % kDepth;
    --count_;
  }
  void settle() {
    while (count_ != 0) write_oldest();
  }

  Index index_;
  bool in_burst_ = false;
  unsigned first_ = 0, count_ = 0;
  Entry waiting_[kDepth];
};

}  // namespace isthmus::nat
