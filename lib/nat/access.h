// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Allow and deny lists: who may open flows through an instance, by both ends' prefixes.
//
// Theory of operation. Inside hosts are named by IPv6 prefixes, remote ones by IPv4 prefixes, each
// direction for itself: whose first packet goes 6->4, and whose goes 4->6. The longest prefix that
// holds an address decides. An address in no prefix is allowed, unless its list allows any at all:
// then only these are. Stateful instances ask when a flow begins; flows that exist are not looked
// at again, so a reload that denies a host leaves its flows until they end or are cleared.
// Stateless instances know no flows and ask for each packet but ICMP errors. Immutable.
#pragma once

#include "nat/session.h"
#include "net/prefix_map.h"

namespace isthmus::nat {

/// One end of one direction.
template <class Prefix>
class AccessList {
 public:
  AccessList() = default;
  AccessList(const std::vector<Prefix>& allow, const std::vector<Prefix>& deny)
      : only_allowed_(!allow.empty()) {
    for (const auto& prefix : allow) map_.add(prefix, kAllow);
    for (const auto& prefix : deny) map_.add(prefix, kDeny);
    map_.build();
  }

  bool empty() const { return map_.empty(); }
  bool denies(const decltype(Prefix::address)& address) const {
    const uint8_t found = map_.find(address);
    return found == kDeny || (found == map_.kNone && only_allowed_);
  }

 private:
  enum : uint8_t { kAllow = 1, kDeny = 2 };
  net::PrefixMap<Prefix> map_;
  bool only_allowed_ = false;
};

struct Access {
  struct Ends {
    AccessList<net::Ip6Prefix> inside;
    AccessList<net::Ip4Prefix> remote;
  };
  Ends ends[2];  ///< by Direction of a flow's first packet

  bool empty() const {
    return ends[0].inside.empty() && ends[0].remote.empty() && ends[1].inside.empty() &&
           ends[1].remote.empty();
  }
  bool denies_inside(Direction direction, const net::Ip6& host) const {
    return ends[static_cast<unsigned>(direction)].inside.denies(host);
  }
  bool denies_remote(Direction direction, net::Ip4 host) const {
    return ends[static_cast<unsigned>(direction)].remote.denies(host);
  }
};

}  // namespace isthmus::nat
