// SPDX-License-Identifier: BSD-3-Clause
// The tester's side of ARP (RFC 826) and neighbor discovery (RFC 4861): it answers for its address
// on a link, and asks for the gateway's. Bytes in, bytes out.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "net/addr.h"

namespace isthmus::loadgen {

/// One link of the tester: its own addresses and the gateway's, of one family.
struct Link {
  net::Mac own_mac;
  std::variant<net::Ip4, net::Ip6> own, gateway;
};

std::vector<uint8_t> ask_for_gateway(const Link& link);
/// The answer to a request or solicitation for `link.own`; nullopt for any other frame.
std::optional<std::vector<uint8_t>> answer(const Link& link, std::span<const uint8_t> frame);
/// The gateway's link address, if `frame` tells it.
std::optional<net::Mac> gateway_in(const Link& link, std::span<const uint8_t> frame);

}  // namespace isthmus::loadgen
