// SPDX-License-Identifier: BSD-3-Clause
#include "nat/error_limits.h"

#include <algorithm>

namespace isthmus::nat {
namespace {

// A tenth of a second's worth, at least ten (RFC 4443 2.4 f suggests ten); none if there are none.
uint32_t burst_of(uint32_t per_second) {
  return per_second == 0 ? 0 : std::max<uint32_t>(10, per_second / 10);
}

}  // namespace

void ErrorLimits::set(uint32_t per_second, uint32_t per_source) {
  all_.set(per_second, burst_of(per_second));
  per_source_ = per_source;
  for (auto& source : sources_) source.set(per_source, burst_of(per_source));
}

bool ErrorLimits::allow_source(uint64_t hash, uint32_t now_ms) {
  return sources_[hash % kBuckets].allow(now_ms) && all_.allow(now_ms);
}

}  // namespace isthmus::nat
