// SPDX-License-Identifier: BSD-3-Clause
// Delays, in any unit, counted in bins whose width is 1/64 of their value or less, so that
// percentiles of any number of samples cost no memory. Minimum and maximum are exact.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace isthmus::loadgen {

class Histogram {
 public:
  void add(uint64_t value) {
    ++bins_[bin_of(value)];
    ++count_;
    low_ = std::min(low_, value);
    high_ = std::max(high_, value);
  }

  uint64_t count() const { return count_; }
  uint64_t min() const { return count_ == 0 ? 0 : low_; }
  uint64_t max() const { return high_; }

  /// The smallest value that `percent` of all samples do not exceed (RFC 5481 4.1), from above to
  /// within a bin; 0 without samples.
  uint64_t percentile(double percent) const {
    if (count_ == 0) return 0;
    const auto wanted = std::max<uint64_t>(
        1, static_cast<uint64_t>(std::ceil(percent / 100 * static_cast<double>(count_) - 1e-9)));
    uint64_t seen = 0;
    for (uint32_t bin = 0; bin < kBins; ++bin) {
      seen += bins_[bin];
      if (seen >= wanted) return std::clamp(last_of(bin), low_, high_);
    }
    return high_;
  }

 private:
  static constexpr uint32_t kBits = 6;
  static constexpr uint32_t kPerOctave = 1u << kBits;
  static constexpr uint32_t kBins = kPerOctave * (64 - kBits + 1);

  // Values below 64 have a bin each; above, the seven highest bits choose it.
  static uint32_t bin_of(uint64_t value) {
    if (value < kPerOctave) return static_cast<uint32_t>(value);
    const auto shift = static_cast<uint32_t>(std::bit_width(value)) - kBits - 1;
    return shift * kPerOctave + static_cast<uint32_t>(value >> shift);
  }
  static uint64_t last_of(uint32_t bin) {
    if (bin < 2 * kPerOctave) return bin;
    const uint32_t shift = bin / kPerOctave - 1;
    return ((uint64_t{bin} - shift * kPerOctave + 1) << shift) - 1;
  }

  std::array<uint64_t, kBins> bins_{};
  uint64_t count_ = 0;
  uint64_t low_ = ~uint64_t{0};
  uint64_t high_ = 0;
};

}  // namespace isthmus::loadgen
