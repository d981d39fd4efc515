// SPDX-License-Identifier: BSD-3-Clause
#include "net/address_rules.h"

namespace isthmus::net {

AddressRules::Octets AddressRules::ordinary_octets() {
  Octets out{};
  for (uint32_t octet = 0; octet < 256; ++octet) {
    const Ip4 first = Ip4::from_host(octet << 24);
    const bool ordinary = !is_illegal_source(first) && !may_be_non_global(first);
    if (ordinary) out[octet / 64] |= uint64_t{1} << octet % 64;
  }
  return out;
}

void AddressRules::note(const Ip4Prefix& prefix) {
  const uint32_t first = prefix.address.host();
  for (uint32_t octet = first >> 24; octet <= (first | ~prefix.mask()) >> 24; ++octet) {
    ordinary_[octet / 64] &= ~(uint64_t{1} << octet % 64);
  }
}

}  // namespace isthmus::net
