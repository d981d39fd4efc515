// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Which IPv4 addresses may appear behind a translation prefix, as the operator amends the
// standards. One such list for NAT64, stateless translation and DNS64, so that they agree.
#pragma once

#include <array>
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
    for (const auto& prefix : global) note(prefix);
    for (const auto& prefix : forbidden) note(prefix);
  }

  /// True: the address may be translated, under any prefix. For nearly all it is, and they need no
  /// other question; of one for which it is false the others know.
  bool is_ordinary(Ip4 address) const {
    const uint32_t octet = address.host() >> 24;
    return (ordinary_[octet / 64] >> octet % 64 & 1) != 0;
  }

  bool is_forbidden(Ip4 address) const { return map_.find(address) == kForbidden; }
  /// Whether the well-known prefix must not carry it (RFC 6052 3.1).
  bool is_non_global(Ip4 address) const {
    return net::is_non_global(address) && map_.find(address) != kGlobal;
  }
  friend bool operator==(const AddressRules&, const AddressRules&) = default;

 private:
  using Octets = std::array<uint64_t, 4>;
  /// First octets under which all addresses are global, and may be a host's.
  static Octets ordinary_octets();
  void note(const Ip4Prefix& prefix);

  enum : uint8_t { kGlobal = 1, kForbidden = 2 };
  PrefixMap<Ip4Prefix> map_;
  Octets ordinary_ = ordinary_octets();
};

}  // namespace isthmus::net
