// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/upstreams.h"

#include <algorithm>

namespace isthmus::dns64 {

unsigned Upstreams::pick(const UpstreamGroup& group, std::span<const uint8_t> tried, TimeMs now,
                         uint64_t random) {
  const auto times_tried = [&](unsigned i) {
    return std::count(tried.begin(), tried.end(), static_cast<uint8_t>(i));
  };
  unsigned best = group.first;
  // A resolver that is down is worth a try only when every healthy one had its chance.
  const auto rank = [&](unsigned i) {
    return times_tried(i) + (eligible(states_[i], now) ? 0 : 2);
  };
  const auto better = [&](unsigned a, unsigned b) {
    if (rank(a) != rank(b)) return rank(a) < rank(b);
    return fastest_ && states_[a].rtt8 < states_[b].rtt8;
  };
  for (unsigned i = group.first + 1; i < group.first + group.count; ++i) {
    if (better(i, best)) best = i;
  }
  if (fastest_ && tried.empty() && group.count > 1 && random % kExplore == 0) {
    const auto other = group.first + static_cast<unsigned>(random / kExplore % group.count);
    if (rank(other) == 0) best = other;
  }
  State& chosen = states_[best];
  if (chosen.failures >= kFailuresToDown && now >= chosen.probe_at) {
    chosen.probe_at = now + chosen.pause;
  }
  return best;
}

void Upstreams::answered(unsigned upstream, TimeMs rtt) {
  State& state = states_[upstream];
  ++state.answers;
  state.failures = 0;
  state.pause = kFirstPause;
  if (!state.measured) {
    state.measured = true;
    state.rtt8 = rtt * 8;
    state.var4 = rtt * 2;
    return;
  }
  // RFC 6298 2.3, in whole numbers.
  const TimeMs mean = state.rtt8 / 8;
  const TimeMs off = mean > rtt ? mean - rtt : rtt - mean;
  state.var4 = state.var4 - state.var4 / 4 + off;
  state.rtt8 = state.rtt8 - state.rtt8 / 8 + rtt;
}

void Upstreams::failed(unsigned upstream, TimeMs now, TimeMs waited) {
  State& state = states_[upstream];
  ++state.failed;
  // Slower than this, at least; the deviation is not touched, since it sets our patience.
  state.rtt8 = std::max(state.rtt8, waited * 8);
  ++state.failures;
  if (state.failures < kFailuresToDown) return;
  if (state.failures > kFailuresToDown) state.pause = std::min(state.pause * 2, kMaxPause);
  state.probe_at = now + state.pause;
}

UpstreamInfo Upstreams::info(unsigned upstream) const {
  const State& state = states_[upstream];
  return {state.sent, state.answers, state.failed, state.rtt8 / 8, is_down(upstream)};
}

TimeMs Upstreams::patience(unsigned upstream) const {
  const State& state = states_[upstream];
  return state.measured ? state.rtt8 / 8 + state.var4 : 0;
}

}  // namespace isthmus::dns64
