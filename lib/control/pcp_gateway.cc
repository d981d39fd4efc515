// SPDX-License-Identifier: BSD-3-Clause
#include "control/pcp_gateway.h"

#include <algorithm>

#include "net/address_tests.h"

namespace isthmus::control {
namespace {

using pcp::Code;

Code code_of(nat::LeaseRefusal refusal) {
  switch (refusal) {
    case nat::LeaseRefusal::kOtherCell: return Code::kCannotProvideExternal;
    case nat::LeaseRefusal::kLimit: return Code::kUserExceededQuota;
    case nat::LeaseRefusal::kDenied: return Code::kNotAuthorized;
    case nat::LeaseRefusal::kPoolFull:
    case nat::LeaseRefusal::kTableFull: break;
  }
  return Code::kNoResources;
}

bool holds(const std::vector<net::Ip6Prefix>& prefixes, const net::Ip6& address) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const net::Ip6Prefix& prefix) { return prefix.contains(address); });
}

// A reload knows pools by their names, which are unique in the instance.
std::optional<std::pair<std::size_t, std::string>> pool_of(const conf::Config& config,
                                                           net::Ip4 address) {
  for (std::size_t i = 0; i < config.nat64.size(); ++i) {
    for (const auto& pool : config.nat64[i].pools) {
      for (const auto& range : pool.ranges) {
        if (net::contains(range, address)) return std::pair(i, pool.name);
      }
    }
  }
  return std::nullopt;
}

}  // namespace

bool leaves_pool(const conf::Config& before, const conf::Config& wanted, net::Ip4 address) {
  return pool_of(before, address) != pool_of(wanted, address);
}

std::optional<std::size_t> PcpGateway::instance_of(const net::Ip6& client) const {
  std::optional<std::size_t> any;
  for (std::size_t i = 0; i < config_->nat64.size(); ++i) {
    const auto& sources = config_->nat64[i].sources;
    if (holds(sources, client)) return i;
    if (sources.empty() && !any) any = i;
  }
  return any;
}

std::optional<nat::LeaseWish> PcpGateway::wish_of(const pcp::Internal& internal) const {
  const auto instance = instance_of(internal.address);
  if (!instance) return std::nullopt;
  nat::LeaseWish wish;
  wish.instance = static_cast<uint8_t>(*instance);
  wish.protocol = internal.protocol;
  wish.inside = internal.address;
  wish.inside_port = net::Be16(internal.port);
  return wish;
}

std::variant<pcp::External, Code> PcpGateway::lease(const pcp::Wish& asked) {
  auto wish = wish_of(asked.internal);
  if (!wish) return Code::kNotAuthorized;
  wish->outside = asked.address;
  wish->outside_port = net::Be16(asked.port);
  wish->nothing_else = asked.nothing_else;
  const auto answer = dataplane_.lease(*wish);
  if (!answer) return Code::kNetworkFailure;
  if (const auto* refusal = std::get_if<nat::LeaseRefusal>(&*answer)) return code_of(*refusal);
  const auto& leased = *std::get_if<nat::Leased>(&*answer);
  return pcp::External{leased.outside, leased.outside_port.host(), leased.is_static};
}

void PcpGateway::release(const pcp::Internal& internal) {
  if (const auto wish = wish_of(internal)) dataplane_.end_lease(*wish);
}

pcp::Known PcpGateway::known(const pcp::Internal& internal) {
  const auto wish = wish_of(internal);
  if (!wish) return pcp::Known::kNothing;
  switch (dataplane_.bound(*wish)) {
    case nat::Translator::Bound::kNo: return pcp::Known::kNothing;
    case nat::Translator::Bound::kDynamically: return pcp::Known::kOutbound;
    case nat::Translator::Bound::kStatically: break;
  }
  return pcp::Known::kFixed;
}

std::vector<net::Prefix6052> PcpGateway::prefixes(const net::Ip6& client) {
  const auto instance = instance_of(client);
  return instance ? config_->nat64[*instance].prefixes : std::vector<net::Prefix6052>();
}

}  // namespace isthmus::control
