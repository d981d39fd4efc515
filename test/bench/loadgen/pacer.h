// SPDX-License-Identifier: BSD-3-Clause
// When frames are due at a fixed rate. Time is an argument, in any unit.
//
// Theory of operation: a frame is due each 1/rate from the start. Who asks late gets what has
// become due meanwhile, but a lag of more than `lag_limit` frames is not caught up: a burst of
// thousands at line rate would measure the rings of the device, not its rate. The schedule is then
// moved, and that is counted, so that whoever reads the result knows that the tester, not the
// device, was late.
#pragma once

#include <algorithm>
#include <cstdint>

namespace isthmus::loadgen {

class Pacer {
 public:
  /// `per_second` frames; `ticks` of the clock a second.
  Pacer(double per_second, uint64_t ticks, uint64_t start, uint32_t lag_limit)
      : interval_(static_cast<double>(ticks) / per_second), start_(start), lag_limit_(lag_limit) {}

  /// How many frames are due now, of which not more than `most` are to be sent.
  uint32_t due(uint64_t now, uint32_t most) {
    if (now < start_) return 0;
    const auto passed = static_cast<uint64_t>(static_cast<double>(now - start_) / interval_) + 1;
    uint64_t due = passed > sent_ ? passed - sent_ : 0;
    if (due > lag_limit_) {
      const auto skipped = static_cast<uint64_t>(static_cast<double>(due - lag_limit_) * interval_);
      start_ += skipped;
      slipped_ += skipped;
      ++slips_;
      due = lag_limit_;
    }
    return static_cast<uint32_t>(std::min<uint64_t>(due, most));
  }
  void sent(uint32_t count) { sent_ += count; }

  uint64_t slips() const { return slips_; }      ///< how often the schedule was moved
  uint64_t slipped() const { return slipped_; }  ///< by how much altogether, in ticks

 private:
  double interval_;
  uint64_t start_;
  uint32_t lag_limit_;
  uint64_t sent_ = 0;
  uint64_t slips_ = 0;
  uint64_t slipped_ = 0;
};

}  // namespace isthmus::loadgen
