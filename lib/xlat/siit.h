// SPDX-License-Identifier: BSD-3-Clause
// Stateless translation of addresses (RFC 7915 6): explicit address mappings (RFC 7757) first, then
// the prefix (RFC 6052).
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "net/address_rules.h"
#include "net/rfc6052.h"
#include "xlat/eam.h"
#include "xlat/rewrite.h"

namespace isthmus::xlat {

/// How two IPv6 hosts with explicit mappings reach each other by their IPv4 names (RFC 7757 4.2).
enum class Hairpinning : uint8_t { kOff, kSimple, kIntrinsic };

/// Which way an address took.
enum class By : uint8_t { kPrefix, kEam };

/// One stateless instance. Immutable while workers use it.
struct Siit {
  net::Prefix6052 prefix = net::Prefix6052::well_known();
  std::vector<net::Ip4Prefix> inside4;  ///< IPv4 addresses whose hosts are reached over IPv6
  std::shared_ptr<const EamTable> eam;  ///< nullptr: none
  /// Some explicit mapping holds addresses of a translation prefix, so that no prefix saves the
  /// look at the table. True is always right, only slower.
  bool eam_in_prefix = true;
  Hairpinning hairpinning = Hairpinning::kIntrinsic;
  Policy policy;
  bool allow_non_global = false;  ///< conflict C3: let the well-known prefix carry any address
  /// Sources of ICMPv4 errors whose sender has no IPv4 address (RFC 6791); empty: our own address.
  std::vector<net::Ip4Prefix> icmp_sources;
  bool icmp_extension = false;  ///< name that sender in the error (RFC 5837, conflict C16)
  net::AddressRules addresses;

  /// Whether an IPv6 (IPv4) packet to `destination` is this instance's to translate.
  bool takes6(const net::Ip6& destination) const;
  bool takes4(net::Ip4 destination) const;

  /// IPv6 address -> IPv4 address, or the reason why there is none.
  DropReason map_6to4(const net::Ip6& address, net::Ip4& out, By& by) const;
  DropReason map_6to4(const net::Ip6& address, net::Ip4& out) const {
    By by;
    return map_6to4(address, out, by);
  }
  /// IPv4 address -> IPv6 address.
  DropReason map_4to6(net::Ip4 address, net::Ip6& out) const;
  /// The same by the prefix alone (RFC 7757 4.2.1: "as if they did not match any EAM").
  DropReason embed(net::Ip4 address, net::Ip6& out) const;
  bool has_eam(net::Ip4 address) const { return eam != nullptr && eam->length4(address) >= 0; }

  /// The `n`th address of icmp_sources, wrapping around.
  net::Ip4 icmp_source(uint32_t n) const;
};

}  // namespace isthmus::xlat
