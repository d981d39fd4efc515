// SPDX-License-Identifier: BSD-3-Clause
// What is synthesised from what: prefixes, ranges, exclusions.
#pragma once

#include <optional>
#include <vector>

#include "net/addr.h"
#include "net/address_rules.h"
#include "net/rfc6052.h"

namespace isthmus::dns64 {

/// IPv4 addresses in `range` are represented under `prefix` (RFC 6147 5: separate ranges may map to
/// separate prefixes). Several rules with the same range give one AAAA each.
struct PrefixRule {
  net::Ip4Prefix range;
  net::Prefix6052 prefix;
};

/// Which IPv4 addresses may stand behind a prefix: the same as in the translator it is about.
struct MayCarry {
  /// Lets the well-known prefix carry non-global addresses, against RFC 6052 3.1.
  bool allow_non_global = false;
  net::AddressRules addresses;

  bool operator()(const net::Prefix6052& prefix, net::Ip4 address) const;
  friend bool operator==(const MayCarry&, const MayCarry&) = default;
};

struct Policy {
  /// RFC 6147 5.2: the configured prefixes, or the well-known one if there is none.
  std::vector<PrefixRule> rules{{net::Ip4Prefix{}, net::Prefix6052::well_known()}};
  /// RFC 6147 5.1.4: AAAA records in these ranges are treated as absent.
  std::vector<net::Ip6Prefix> exclude = default_exclude();
  MayCarry may_carry;

  static std::vector<net::Ip6Prefix> default_exclude();

  bool excluded(const net::Ip6& address) const;
  /// The AAAA addresses for `address`: of the rules with the longest matching range, those whose
  /// prefix may carry it. Replaces the contents of `out`.
  void synthesise(net::Ip4 address, std::vector<net::Ip6>& out) const;
  /// The prefix `address` lies in: one of the rules, or the well-known one (RFC 6147 5.3.1).
  std::optional<net::Prefix6052> prefix_of(const net::Ip6& address) const;
};

}  // namespace isthmus::dns64
