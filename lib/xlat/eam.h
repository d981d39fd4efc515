// SPDX-License-Identifier: BSD-3-Clause
// hot path
// The table of explicit address mappings (RFC 7757 3).
//
// Theory of operation. The control core builds a table from a list and gives it to every worker;
// nobody changes it after that, and it goes when the control core has seen the last worker use its
// successor. Both columns are hashed (net/prefix_table.h), so a lookup either way costs one cache
// line for each prefix length in use, and 64 to 128 bytes of memory for each mapping and column.
#pragma once

#include <array>
#include <memory>
#include <span>

#include "net/eam.h"
#include "net/prefix_table.h"

namespace isthmus::xlat {

class EamTable {
 public:
  /// Every mapping fits(), and no prefix is in the list twice; prefixes may lie in each other (RFC
  /// 7757 5).
  static std::shared_ptr<const EamTable> make(std::span<const net::Eam> list);

  /// RFC 7757 3.3.2. False: no mapping holds `address`.
  bool to4(const net::Ip6& address, net::Ip4& out) const {
    const auto* found = by6_.find(address);
    if (found == nullptr) return false;
    const auto& to = found->value;
    out = net::Ip4::from_host(to.prefix.host() |
                              (static_cast<uint32_t>(wide(address) >> to.shift) & to.mask));
    return true;
  }
  /// RFC 7757 3.3.1.
  bool to6(net::Ip4 address, net::Ip6& out) const {
    const auto* found = by4_.find(address);
    if (found == nullptr) return false;
    const auto& to = found->value;
    const Wide suffix = address.host() & ~net::Ip4Prefix{{}, found->length}.mask();
    out = narrow(wide(to.prefix) | suffix << to.shift);
    return true;
  }

  /// Length of the longest prefix that holds the address, or -1.
  int length6(const net::Ip6& address) const {
    const auto* found = by6_.find(address);
    return found == nullptr ? -1 : found->length;
  }
  int length4(net::Ip4 address) const {
    const auto* found = by4_.find(address);
    return found == nullptr ? -1 : found->length;
  }
  void prefetch(const net::Ip6& address) const { by6_.prefetch(address); }
  void prefetch(net::Ip4 address) const { by4_.prefetch(address); }

  /// First octets under which there are IPv4 prefixes, as a set of 256 bits.
  const std::array<uint64_t, 4>& octets() const { return octets_; }

  std::size_t size() const { return by4_.size(); }
  std::size_t bytes() const { return by4_.bytes() + by6_.bytes(); }
  /// Whether some IPv6 (IPv4) prefix of the table and `prefix` have addresses in common.
  bool overlaps(const net::Ip6Prefix& prefix) const;
  bool overlaps(const net::Ip4Prefix& prefix) const;

 private:
  __extension__ using Wide = unsigned __int128;

  // What a prefix becomes: bits of the other family, and where the suffix goes. In IPv6 the suffix
  // follows the prefix; `shift` is its distance from the end of the address.
  struct To4 {
    net::Ip4 prefix;
    uint32_t mask = 0;  ///< of the suffix
    uint8_t shift = 0;
  };
  struct To6 {
    net::Ip6 prefix;
    uint8_t shift = 0;
  };
  using Table6 = net::PrefixTable<net::Ip6, To4>;
  using Table4 = net::PrefixTable<net::Ip4, To6>;

  static Wide wide(const net::Ip6& address) {
    return static_cast<Wide>(net::byte_swap(address.raw_high())) << 64 |
           net::byte_swap(address.raw_low());
  }
  static net::Ip6 narrow(Wide value) {
    const uint64_t words[2] = {net::byte_swap(static_cast<uint64_t>(value >> 64)),
                               net::byte_swap(static_cast<uint64_t>(value))};
    net::Ip6 out;
    std::memcpy(&out, words, sizeof out);
    return out;
  }

  Table6 by6_;
  Table4 by4_;
  std::array<uint64_t, 4> octets_{};
};

}  // namespace isthmus::xlat
