// SPDX-License-Identifier: BSD-3-Clause
#include "xlat/eam.h"

#include <cassert>

namespace isthmus::xlat {

std::shared_ptr<const EamTable> EamTable::make(std::span<const net::Eam> list) {
  std::vector<Table6::Entry> six;
  std::vector<Table4::Entry> four;
  six.reserve(list.size());
  four.reserve(list.size());
  for (const auto& eam : list) {
    assert(eam.fits());
    const uint32_t mask = ~eam.four.mask();
    // A single IPv4 address has no suffix, so its place does not matter.
    const unsigned shift = mask == 0 ? 0u : 96u - eam.six.length + eam.four.length;
    six.push_back({eam.six.address,
                   eam.six.length,
                   true,
                   {eam.four.address, mask, static_cast<uint8_t>(shift)}});
    four.push_back(
        {eam.four.address, eam.four.length, true, {eam.six.address, static_cast<uint8_t>(shift)}});
  }
  auto table = std::make_shared<EamTable>();
  for (const auto& eam : list) {
    const uint32_t last = (eam.four.address.host() | ~eam.four.mask()) >> 24;
    for (uint32_t octet = eam.four.address.host() >> 24; octet <= last; ++octet) {
      table->octets_[octet >> 6] |= uint64_t{1} << (octet & 63);
    }
  }
  table->by6_ = Table6(six);
  table->by4_ = Table4(four);
  return table;
}

bool EamTable::overlaps(const net::Ip6Prefix& prefix) const {
  bool any = false;
  by6_.for_each([&](const Table6::Entry& entry) {
    const net::Ip6Prefix own{entry.address, entry.length};
    any |= own.contains(prefix) || prefix.contains(own);
  });
  return any;
}

bool EamTable::overlaps(const net::Ip4Prefix& prefix) const {
  bool any = false;
  by4_.for_each([&](const Table4::Entry& entry) {
    const net::Ip4Prefix own{entry.address, entry.length};
    any |= own.contains(prefix) || prefix.contains(own);
  });
  return any;
}

}  // namespace isthmus::xlat
