// SPDX-License-Identifier: BSD-3-Clause
// hot path
#include "xlat/siit.h"

namespace isthmus::xlat {

bool Siit::takes6(const net::Ip6& destination) const {
  return prefix.contains(destination) || (eam != nullptr && eam->length6(destination) >= 0);
}

bool Siit::takes4(net::Ip4 destination) const {
  for (const auto& inside : inside4) {
    if (inside.contains(destination)) return true;
  }
  return has_eam(destination);
}

net::Ip4 Siit::icmp_source(uint32_t n) const {
  uint64_t total = 0;
  for (const auto& range : icmp_sources) total += range.size();
  uint64_t left = n % total;
  for (const auto& range : icmp_sources) {
    if (left < range.size()) {
      return net::Ip4::from_host(range.address.host() + static_cast<uint32_t>(left));
    }
    left -= range.size();
  }
  return {};
}

}  // namespace isthmus::xlat
