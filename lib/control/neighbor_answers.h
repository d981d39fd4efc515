// SPDX-License-Identifier: BSD-3-Clause
// Who answers ARP and neighbor discovery for addresses that the translator owns (decision 015).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "control/twin_plan.h"
#include "net/addr.h"

namespace isthmus::control {

/// The answer to an ARP request (RFC 826) or neighbor solicitation (RFC 4861 7.2.4) for an address
/// of `twin.answered_for` or `answered_for6`, as an untagged Ethernet frame; nullopt for any other
/// frame, for the twin's own addresses, which are the kernel's, and for `gateways`. `own`: MAC of
/// the interface.
std::optional<std::vector<uint8_t>> answer_for_neighbor(const TwinPlan& twin, const net::Mac& own,
                                                        std::span<const uint8_t> frame);

}  // namespace isthmus::control
