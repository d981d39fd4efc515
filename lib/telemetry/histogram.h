// SPDX-License-Identifier: BSD-3-Clause
// How often values of each magnitude came, by powers of two.
//
// Theory of operation. As telemetry/counters.h: one thread writes, plainly; others read each count
// for itself, so a reader may see one that another already has. A count says how many values were
// at most 2^i, but more than half of that; the last one has all that is more.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace isthmus::telemetry {

template <std::size_t kBuckets>
struct Histogram {
  std::array<uint64_t, kBuckets> count{};

  static constexpr std::size_t bucket_of(uint64_t value) {
    const auto bucket = static_cast<std::size_t>(value < 2 ? 0 : std::bit_width(value - 1));
    return bucket < kBuckets ? bucket : kBuckets - 1;
  }
  /// `times` as often as one value.
  void add(uint64_t value, uint64_t times = 1) { count[bucket_of(value)] += times; }
  /// What a thread that does not write may see.
  Histogram read() const {
    Histogram out;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      out.count[i] = __atomic_load_n(&count[i], __ATOMIC_RELAXED);
    }
    return out;
  }
};

/// Packets of a burst: up to 512, and more.
using BurstHistogram = Histogram<11>;
/// Cycles for a packet: up to 131072, and more.
using CycleHistogram = Histogram<19>;

}  // namespace isthmus::telemetry
