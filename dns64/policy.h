// SPDX-License-Identifier: BSD-3-Clause
// What is synthesised from what: prefixes, ranges, exclusions; and for whom.
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
  std::optional<net::Prefix6052> prefix;  ///< none: addresses in `range` are never represented

  friend bool operator==(const PrefixRule&, const PrefixRule&) = default;
};

/// What happens to AAAA queries.
enum class Synthesis : uint8_t {
  kNormal,  ///< RFC 6147
  kNever,   ///< as though no DNS64 were configured
  kAlways,  ///< real AAAA records count as excluded, so that everything goes through the translator
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
  Synthesis synthesis = Synthesis::kNormal;

  static std::vector<net::Ip6Prefix> default_exclude();
  friend bool operator==(const Policy&, const Policy&) = default;

  bool excluded(const net::Ip6& address) const;
  /// The AAAA addresses for `address`: of the rules with the longest matching range, those whose
  /// prefix may carry it. Replaces the contents of `out`.
  void synthesise(net::Ip4 address, std::vector<net::Ip6>& out) const;
  /// The prefix `address` lies in: one of the rules, or the well-known one (RFC 6147 5.3.1).
  std::optional<net::Prefix6052> prefix_of(const net::Ip6& address) const;
};

/// Clients with a policy of their own.
struct ClientRule {
  net::Ip6Prefix clients;  ///< IPv4 as ::ffff:a.b.c.d/(96+n)
  bool refuse = false;
  Policy policy;

  friend bool operator==(const ClientRule&, const ClientRule&) = default;
};

/// The rule with the longest prefix that holds `client`, counted from 1; 0: none.
uint8_t view_of(const std::vector<ClientRule>& rules, const net::Ip6& client);
inline constexpr std::size_t kMaxClientRules = 100;

}  // namespace isthmus::dns64
