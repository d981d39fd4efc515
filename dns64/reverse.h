// SPDX-License-Identifier: BSD-3-Clause
// Reverse names: ip6.arpa (RFC 3596 2.5) and in-addr.arpa (RFC 1035 3.5).
#pragma once

#include <optional>

#include "dns64/name.h"
#include "net/addr.h"

namespace isthmus::dns64 {

/// The address of a complete ip6.arpa name, whatever its case; nullopt for any other name.
std::optional<net::Ip6> address_of_reverse_name(const Name& name);
Name reverse_name(net::Ip4 address);
Name reverse_name(const net::Ip6& address);
/// The ip6.arpa zone of a prefix; whole nibbles only.
Name reverse_zone(const net::Ip6Prefix& prefix);

}  // namespace isthmus::dns64
