// SPDX-License-Identifier: BSD-3-Clause
// hot path
// When sessions end: a coarse timing wheel over record numbers.
//
// Theory of operation. Time is cut into ticks of 1024 ms. A record is filed under the tick by which
// its deadline has surely passed. A packet that prolongs a session does not touch the wheel: when
// the record comes up, its owner computes the true deadline and files it again. Only a deadline
// that moves closer, or a deletion, costs list surgery. The wheel turns at most once round for a
// long lifetime: what is further away is filed at the far end and looked at again there.
// Tick numbers are the upper 22 bits of the 32-bit millisecond clock and wrap with it; the number
// of slots divides 2^22.
#pragma once

#include <cstdint>
#include <cstring>

#include "nat/arena.h"

namespace isthmus::nat {

class Wheel {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};
  static constexpr unsigned kTickBits = 10;
  static constexpr uint32_t kSlots = 8192;  ///< two hours and twenty minutes
  static constexpr unsigned kTogether = 128;

  static std::size_t need(uint32_t capacity) {
    return Arena::need<Link>(capacity) + Arena::need<uint32_t>(kSlots);
  }
  bool init(Arena& arena, uint32_t capacity) {
    links_ = arena.take<Link>(capacity);
    heads_ = arena.take<uint32_t>(kSlots);
    if (links_ == nullptr || heads_ == nullptr) return false;
    static_assert(kNone == ~uint32_t{0});
    std::memset(heads_, 0xff, kSlots * sizeof *heads_);
    return true;
  }

  /// The first call sets the hand.
  void start(uint32_t now_ms) {
    if (started_) return;
    started_ = true;
    hand_ = now_ms >> kTickBits;
  }

  /// Files `record`, which is not filed, to come up within a tick after `deadline_ms`.
  void file(uint32_t record, uint32_t deadline_ms) {
    uint32_t tick = ((deadline_ms >> kTickBits) + 1) & kTickMask;
    const uint32_t ahead = (tick - hand_) & kTickMask;
    // A deadline that has passed already comes up with the next tick.
    if (ahead == 0 || ahead > kTickMask / 2) {
      tick = hand_ + 1;
    } else if (ahead >= kSlots) {
      tick = hand_ + kSlots - 1;
    }
    push(record, tick & (kSlots - 1));
  }

  void unfile(uint32_t record) {
    const Link link = links_[record];
    if ((link.previous & kHeadFlag) != 0) {
      heads_[link.previous & ~kHeadFlag] = link.next;
    } else {
      links_[link.previous].next = link.next;
    }
    if (link.next != kNone) links_[link.next].previous = link.previous;
  }

  /// Calls `due(record)` for records that come up until `now_ms`, at most `budget` of them and at
  /// most kMaxSlots slots; each is unfiled before its call. True if more wait. `due` may stop the
  /// turn by returning false; the record must then have been filed again. It files and unfiles no
  /// other one. `soon(records, count)` hears of them before, at most kTogether at a time, and
  /// `due(record, i)` then of the `i`th of these.
  template <class Soon, class Due>
  bool turn(uint32_t now_ms, unsigned budget, Soon&& soon, Due&& due) {
    const uint32_t now_tick = now_ms >> kTickBits;
    for (unsigned slots = 0; slots < kMaxSlots; ++slots) {
      const uint32_t ahead = (now_tick - hand_) & kTickMask;
      if (ahead == 0 || ahead > kTickMask / 2) return false;
      // The hand moves on only from an empty slot, so a turn can stop in the middle of one.
      const uint32_t slot = (hand_ + 1) & (kSlots - 1);
      while (heads_[slot] != kNone) {
        if (budget == 0) return true;
        uint32_t records[kTogether];
        const unsigned count = first_of(slot, budget < kTogether ? budget : kTogether, records);
        soon(static_cast<const uint32_t*>(records), count);
        budget -= count;
        for (unsigned i = 0; i < count; ++i) {
          unfile(records[i]);
          if (!due(records[i], i)) return true;
        }
      }
      hand_ = (hand_ + 1) & kTickMask;
    }
    return ((now_tick - hand_) & kTickMask) != 0;
  }
  template <class Due>
  bool turn(uint32_t now_ms, unsigned budget, Due&& due) {
    return turn(
        now_ms, budget, [](const uint32_t*, unsigned) {},
        [&](uint32_t record, unsigned) { return due(record); });
  }

 private:
  static constexpr uint32_t kTickMask = (1u << (32 - kTickBits)) - 1;
  static constexpr uint32_t kHeadFlag = 1u << 31;
  static constexpr unsigned kMaxSlots = 1024;

  struct Link {
    uint32_t previous;  ///< or kHeadFlag | slot
    uint32_t next;
  };

  unsigned first_of(uint32_t slot, unsigned most, uint32_t* records) const {
    unsigned count = 0;
    for (uint32_t r = heads_[slot]; r != kNone && count < most; r = links_[r].next) {
      records[count++] = r;
    }
    return count;
  }

  void push(uint32_t record, uint32_t slot) {
    const uint32_t head = heads_[slot];
    links_[record] = {kHeadFlag | slot, head};
    if (head != kNone) links_[head].previous = record;
    heads_[slot] = record;
  }

  Link* links_ = nullptr;
  uint32_t* heads_ = nullptr;
  uint32_t hand_ = 0;  ///< the last tick that was completed
  bool started_ = false;
};

}  // namespace isthmus::nat
