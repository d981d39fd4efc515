// SPDX-License-Identifier: BSD-3-Clause
// hot path
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
  DropReason map_6to4(const net::Ip6& address, net::Ip4& out, By& by) const {
    const bool in_prefix = prefix.contains(address);
    // RFC 7757 3.3.2: the explicit mappings come first; then the prefix.
    if (eam != nullptr && (!in_prefix || eam_in_prefix) && eam->to4(address, out)) {
      by = By::kEam;
      return if_host(out);
    }
    by = By::kPrefix;
    if (!in_prefix) return DropReason::kNoMapping;
    out = prefix.extract(address);
    if (addresses.is_ordinary(out)) return DropReason::kNone;
    return is_barred(out) ? DropReason::kWkpNonGlobal : if_host(out);
  }
  DropReason map_6to4(const net::Ip6& address, net::Ip4& out) const {
    By by;
    return map_6to4(address, out, by);
  }
  /// IPv4 address -> IPv6 address.
  DropReason map_4to6(net::Ip4 address, net::Ip6& out) const {
    // RFC 7757 3.3.1.
    if (eam != nullptr && !addresses.is_forbidden(address) && eam->to6(address, out)) {
      return DropReason::kNone;
    }
    return embed(address, out);
  }
  /// The same by the prefix alone (RFC 7757 4.2.1: "as if they did not match any EAM").
  DropReason embed(net::Ip4 address, net::Ip6& out) const {
    if (!addresses.is_ordinary(address)) {
      if (is_barred(address)) return DropReason::kWkpNonGlobal;
      if (addresses.is_forbidden(address)) return DropReason::kNoMapping;
    }
    out = prefix.embed(address);
    return DropReason::kNone;
  }
  bool has_eam(net::Ip4 address) const { return eam != nullptr && eam->length4(address) >= 0; }

  /// The `n`th address of icmp_sources, wrapping around.
  net::Ip4 icmp_source(uint32_t n) const;

 private:
  /// RFC 6052 3.1: the well-known prefix MUST NOT carry non-global addresses; such packets MUST NOT
  /// be translated.
  bool is_barred(net::Ip4 address) const {
    return prefix.is_well_known() && !allow_non_global && addresses.is_non_global(address);
  }
  /// What is no host in IPv4 gets no IPv4 packet, from it or to it (RFC 7915 8, RFC 6052 5.1).
  DropReason if_host(net::Ip4 address) const {
    return net::is_illegal_source(address) || addresses.is_forbidden(address)
               ? DropReason::kNoMapping
               : DropReason::kNone;
  }
};

}  // namespace isthmus::xlat
