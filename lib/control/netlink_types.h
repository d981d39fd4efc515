// SPDX-License-Identifier: BSD-3-Clause
// Addresses of either family, as netlink, twins and the neighbor queue pass them around.
#pragma once

#include <string>
#include <variant>

#include "net/addr.h"

namespace isthmus::control {

using IpAddress = std::variant<net::Ip4, net::Ip6>;
using IpPrefix = std::variant<net::Ip4Prefix, net::Ip6Prefix>;

inline std::string text_of(const IpAddress& address) {
  return std::visit([](const auto& a) { return net::to_string(a); }, address);
}
inline std::string text_of(const IpPrefix& prefix) {
  return std::visit([](const auto& p) { return net::to_string(p); }, prefix);
}
inline bool is_v6(const IpAddress& address) {
  return std::holds_alternative<net::Ip6>(address);
}
/// The prefix of `length` bits that contains `address`.
IpPrefix subnet_of(const IpAddress& address, uint8_t length);
bool contains(const IpPrefix& prefix, const IpAddress& address);
/// An order for maps: by family, address, length.
bool prefix_less(const IpPrefix& a, const IpPrefix& b);

struct PrefixLess {
  bool operator()(const IpPrefix& a, const IpPrefix& b) const { return prefix_less(a, b); }
};

}  // namespace isthmus::control
