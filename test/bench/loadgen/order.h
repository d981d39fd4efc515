// SPDX-License-Identifier: BSD-3-Clause
// In which order flows are drawn: one after the other, or pseudorandom, each once and then all
// again (RFC 9693, after RFC 4814: flows in a pattern would flatter caches).
#pragma once

#include <bit>
#include <cstdint>

namespace isthmus::loadgen {

class Order {
 public:
  /// `flows` is at least 1.
  Order(uint32_t flows, bool random)
      : flows_(flows), random_(random), mask_(std::bit_ceil(uint64_t{flows}) - 1) {}

  uint32_t next() {
    if (!random_) {
      const auto flow = static_cast<uint32_t>(at_);
      at_ = at_ + 1 == flows_ ? 0 : at_ + 1;
      return flow;
    }
    // A linear congruential generator of full period (Hull and Dobell) over the next power of two;
    // the shift, which can be undone, mixes its regular low bits. Numbers beyond are left out.
    for (;;) {
      at_ = (at_ * 2862933555777941757u + 3037000493u) & mask_;
      const uint64_t mixed = at_ ^ (at_ >> (std::bit_width(mask_) / 2 + 1));
      if (mixed < flows_) return static_cast<uint32_t>(mixed);
    }
  }

 private:
  uint64_t flows_;
  bool random_;
  uint64_t mask_;
  uint64_t at_ = 0;
};

}  // namespace isthmus::loadgen
