// SPDX-License-Identifier: BSD-3-Clause
// hot path
// The box's own addresses, as workers see them. Immutable.
#pragma once

#include <cstdint>
#include <vector>

#include "net/addr.h"

namespace isthmus::dataplane {

enum class Local : uint8_t {
  kNo,
  kYes,
  kDns,  ///< as kYes, and DNS64 answers on it
};

/// Our sources for packets that concern an interface; unspecified where we have none.
struct OwnAddresses {
  net::Ip4 ip4;
  net::Ip6 ip6;
};

class LocalAddresses {
 public:
  LocalAddresses() = default;
  explicit LocalAddresses(std::size_t interfaces) : own(interfaces) {}

  void add(net::Ip4 address, Local kind) {
    filter4_ |= bit(address);
    local4_.push_back({address, kind});
  }
  void add(const net::Ip6& address, Local kind) {
    filter6_ |= bit(address);
    local6_.push_back({address, kind});
  }

  // Nearly every packet asks, nearly none is local: one test of a bit set over the last octet says
  // so, and only then the few addresses are compared.
  Local find(net::Ip4 address) const {
    return (filter4_ & bit(address)) == 0 ? Local::kNo : search(local4_, address);
  }
  Local find(const net::Ip6& address) const {
    return (filter6_ & bit(address)) == 0 ? Local::kNo : search(local6_, address);
  }

  /// Says of nearly all addresses that they are not local; a copy for loops.
  struct Filter {
    uint64_t four, six;
    bool passes(net::Ip4 address) const { return (four & bit(address)) == 0; }
    bool passes(const net::Ip6& address) const { return (six & bit(address)) == 0; }
  };
  Filter filter() const { return {filter4_, filter6_}; }
  template <class Range>
  bool any4_in(const Range& range) const {
    return any_in(local4_, range);
  }
  template <class Range>
  bool any6_in(const Range& range) const {
    return any_in(local6_, range);
  }

  std::vector<OwnAddresses> own;  ///< by interface
  OwnAddresses any;               ///< for packets that concern none in particular

 private:
  template <class Address>
  struct Entry {
    Address address;
    Local kind;
  };

  static uint64_t bit(net::Ip4 address) { return uint64_t{1} << (address.host() & 63); }
  static uint64_t bit(const net::Ip6& address) { return uint64_t{1} << (address.bytes[15] & 63); }

  template <class Entries, class Range>
  static bool any_in(const Entries& entries, const Range& range) {
    for (const auto& entry : entries) {
      if (range.holds(entry.address)) return true;
    }
    return false;
  }
  template <class Address>
  static Local search(const std::vector<Entry<Address>>& entries, const Address& address) {
    for (const auto& entry : entries) {
      if (entry.address == address) return entry.kind;
    }
    return Local::kNo;
  }

  uint64_t filter4_ = 0;
  uint64_t filter6_ = 0;
  std::vector<Entry<net::Ip4>> local4_;
  std::vector<Entry<net::Ip6>> local6_;
};

}  // namespace isthmus::dataplane
