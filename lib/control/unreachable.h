// SPDX-License-Identifier: BSD-3-Clause
// What the sender of a packet is told whose next hop does not answer.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "control/netlink_types.h"
#include "control/twin_plan.h"

namespace isthmus::control {

/// The ICMP error about an IP packet that could not leave by `interface`: host unreachable (RFC
/// 1812 5.2.7.1) or address unreachable (RFC 4443 3.1 code 3), as an IP packet; nullopt for packets
/// that may not be answered, and where the box has no address of their family. A translated
/// packet's error goes to the translated sender, hence comes back to the translator, which
/// translates it.
std::optional<std::vector<uint8_t>> make_unreachable(const KernelPlan& plan,
                                                     dataplane::InterfaceId interface,
                                                     std::span<const uint8_t> packet);

}  // namespace isthmus::control
