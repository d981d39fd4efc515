// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Sizes of the headers that translation takes off and puts on, in octets.
#pragma once

#include <cstdint>

#include "net/headers.h"

namespace isthmus::xlat {

inline constexpr uint32_t kHeader4 = sizeof(net::Ip4Header);
inline constexpr uint32_t kHeader6 = sizeof(net::Ip6Header);
inline constexpr uint32_t kFragmentHeader = sizeof(net::Ip6FragmentHeader);
inline constexpr uint32_t kIcmpHeader = sizeof(net::IcmpHeader);

}  // namespace isthmus::xlat
