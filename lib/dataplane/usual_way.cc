// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/usual_way.h"

#include <algorithm>

#include "nat/classifier.h"

namespace isthmus::dataplane {
namespace {

using Stretch4 = net::Stretch<uint32_t>;

Stretch4 common_part(const Stretch4& a, const Stretch4& b) {
  const uint32_t first = std::max(a.first, b.first);
  const uint64_t end = std::min(uint64_t{a.first} + a.count, uint64_t{b.first} + b.count);
  return {first, end > first ? static_cast<uint32_t>(end - first) : 0};
}

}  // namespace

// What changed may have left the latest stray where it was: it is the best guess either way.
template <int kFamily>
void UsualWay::renew(const Core& core, const nat::Translator& translator, nat::Batch& batch) {
  const Fib& fib = *core.forwarding->fib;
  if constexpr (kFamily == 6) {
    const auto host = static_cast<uint32_t>(latest_);
    batch.usual4 = common_part(fib.stretch4(host), translator.classifier().nobodys_around(host));
  } else {
    batch.usual6 = fib.stretch6(latest_);
  }
  forwarding_ = core.forwarding->version;
  rules_ = translator.rules();
  strays_ = 0;
}

template void UsualWay::renew<4>(const Core&, const nat::Translator&, nat::Batch&);
template void UsualWay::renew<6>(const Core&, const nat::Translator&, nat::Batch&);

}  // namespace isthmus::dataplane
