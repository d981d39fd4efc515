// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Which IPv4 addresses may appear behind a translation prefix, as the operator amends the
// standards. One such list for NAT64, stateless translation and DNS64, so that they agree.
#pragma once

#include <vector>

#include "net/prefix_map.h"
#include "net/rfc6052.h"

namespace isthmus::net {

class AddressRules {
 public:
  AddressRules() = default;
  /// `global`: ranges that count as global unicast although they are not. `forbidden`: ranges that
  /// are never translated. Where both hold an address, the longer prefix counts.
  AddressRules(const std::vector<Ip4Prefix>& global, const std::vector<Ip4Prefix>& forbidden) {
    for (const auto& prefix : global) map_.add(prefix, kGlobal);
    for (const auto& prefix : forbidden) map_.add(prefix, kForbidden);
    map_.build();
  }

  bool is_forbidden(Ip4 address) const { return map_.find(address) == kForbidden; }
  /// Whether the well-known prefix must not carry it (RFC 6052 3.1).
  bool is_non_global(Ip4 address) const {
    return net::is_non_global(address) && map_.find(address) != kGlobal;
  }
  friend bool operator==(const AddressRules&, const AddressRules&) = default;

 private:
  enum : uint8_t { kGlobal = 1, kForbidden = 2 };
  PrefixMap<Ip4Prefix> map_;
};

}  // namespace isthmus::net
