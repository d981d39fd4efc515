// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/upstreams.h"

#include <algorithm>

namespace isthmus::dns64 {

unsigned Upstreams::pick(std::span<const uint8_t> tried, TimeMs now) {
  const auto times_tried = [&](unsigned i) {
    return std::count(tried.begin(), tried.end(), static_cast<uint8_t>(i));
  };
  unsigned best = 0;
  // A resolver that is down is worth a try only when every healthy one had its chance.
  const auto rank = [&](unsigned i) {
    return times_tried(i) + (eligible(states_[i], now) ? 0 : 2);
  };
  for (unsigned i = 1; i < count(); ++i) {
    if (rank(i) < rank(best)) best = i;
  }
  State& chosen = states_[best];
  if (chosen.failures >= kFailuresToDown && now >= chosen.probe_at) {
    chosen.probe_at = now + chosen.pause;
  }
  return best;
}

void Upstreams::answered(unsigned upstream) {
  State& state = states_[upstream];
  state.failures = 0;
  state.pause = kFirstPause;
}

void Upstreams::failed(unsigned upstream, TimeMs now) {
  State& state = states_[upstream];
  ++state.failures;
  if (state.failures < kFailuresToDown) return;
  if (state.failures > kFailuresToDown) state.pause = std::min(state.pause * 2, kMaxPause);
  state.probe_at = now + state.pause;
}

}  // namespace isthmus::dns64
