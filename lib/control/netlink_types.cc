// SPDX-License-Identifier: BSD-3-Clause
#include "control/netlink_types.h"

#include <tuple>

namespace isthmus::control {

IpPrefix subnet_of(const IpAddress& address, uint8_t length) {
  if (const auto* v4 = std::get_if<net::Ip4>(&address)) {
    const net::Ip4Prefix any{net::Ip4{}, length};
    return net::Ip4Prefix{net::Ip4::from_host(v4->host() & any.mask()), length};
  }
  return net::prefix_of(std::get<net::Ip6>(address), length);
}

bool contains(const IpPrefix& prefix, const IpAddress& address) {
  if (prefix.index() != address.index()) return false;
  if (const auto* v4 = std::get_if<net::Ip4Prefix>(&prefix)) {
    return v4->contains(std::get<net::Ip4>(address));
  }
  return std::get<net::Ip6Prefix>(prefix).contains(std::get<net::Ip6>(address));
}

bool prefix_less(const IpPrefix& a, const IpPrefix& b) {
  if (a.index() != b.index()) return a.index() < b.index();
  return std::visit(
      [&b](const auto& left) {
        const auto& right = std::get<std::decay_t<decltype(left)>>(b);
        if (left.address == right.address) return left.length < right.length;
        return left.address < right.address;
      },
      a);
}

}  // namespace isthmus::control
