// SPDX-License-Identifier: BSD-3-Clause
// Stateless translation of addresses (RFC 7915 6, RFC 6052). Explicit address mappings (RFC 7757)
// will be consulted here before the prefix.
#pragma once

#include <optional>
#include <vector>

#include "net/rfc6052.h"
#include "xlat/rewrite.h"

namespace isthmus::xlat {

/// One stateless instance. Immutable while workers use it.
struct Siit {
  net::Prefix6052 prefix = net::Prefix6052::well_known();
  std::vector<net::Ip4Prefix> inside4;  ///< IPv4 addresses whose hosts are reached over IPv6
  Policy policy;
  bool allow_non_global = false;  ///< conflict C3: let the well-known prefix carry any address

  /// Whether an IPv6 (IPv4) packet to `destination` is this instance's to translate.
  bool takes6(const net::Ip6& destination) const { return prefix.contains(destination); }
  bool takes4(net::Ip4 destination) const;

  /// IPv6 address -> IPv4 address, or the reason why there is none.
  DropReason map_6to4(const net::Ip6& address, net::Ip4& out) const;
  DropReason map_4to6(net::Ip4 address, net::Ip6& out) const;
};

}  // namespace isthmus::xlat
