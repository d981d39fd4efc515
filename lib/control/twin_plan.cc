// SPDX-License-Identifier: BSD-3-Clause
#include "control/twin_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace isthmus::control {
namespace {

IpPrefix subnet(const conf::InterfaceAddress& address) {
  return subnet_of(address.address, address.length);
}

bool has_address(const KernelPlan& plan, const IpAddress& address) {
  return std::any_of(plan.twins.begin(), plan.twins.end(), [&](const TwinPlan& twin) {
    return std::any_of(twin.addresses.begin(), twin.addresses.end(),
                       [&](const auto& a) { return a.address == address; });
  });
}

// A service address that no interface bears (an anycast address, say) has to be the kernel's too,
// or TCP to it finds no listener. Which twin bears it does not matter: the kernel takes packets for
// any of its addresses from any interface.
void place_service_addresses(const conf::Config& config, KernelPlan& plan) {
  if (!config.dns64.enabled || plan.twins.empty()) return;
  for (const auto& address : config.dns64.listen) {
    if (has_address(plan, address)) continue;
    const uint8_t host_length = is_v6(address) ? 128 : 32;
    plan.twins.front().addresses.push_back({address, host_length});
  }
}

/// Addresses of the subnet that the translator owns, in no order; they may overlap.
class Owned {
 public:
  explicit Owned(const net::Ip4Prefix& subnet) : subnet_(subnet) {}

  void add(net::Ip4 first, net::Ip4 last) {
    const uint32_t low = std::max(subnet_.address.host(), first.host());
    const uint32_t high = std::min(last_of(subnet_), last.host());
    if (low <= high) ranges_.push_back({net::Ip4::from_host(low), net::Ip4::from_host(high)});
  }
  // Who translates all of a subnet, or more, has its hosts on that link, as a CLAT has (RFC 6877).
  void add(const net::Ip4Prefix& prefix) {
    if (prefix.length > subnet_.length) add(prefix.address, net::Ip4::from_host(last_of(prefix)));
  }

  /// Disjoint and ascending.
  std::vector<net::Ip4Prefix> prefixes() {
    std::sort(ranges_.begin(), ranges_.end(),
              [](const auto& a, const auto& b) { return a.first.host() < b.first.host(); });
    std::vector<net::Ip4Prefix> all;
    for (std::size_t i = 0; i < ranges_.size();) {
      auto merged = ranges_[i];
      for (++i; i < ranges_.size() && ranges_[i].first.host() <= uint64_t{merged.last.host()} + 1;
           ++i) {
        merged.last = net::Ip4::from_host(std::max(merged.last.host(), ranges_[i].last.host()));
      }
      const auto covering = cover(merged);
      all.insert(all.end(), covering.begin(), covering.end());
    }
    return all;
  }

 private:
  static uint32_t last_of(const net::Ip4Prefix& prefix) {
    return prefix.address.host() | ~prefix.mask();
  }

  net::Ip4Prefix subnet_;
  std::vector<conf::AddressRange> ranges_;
};

void answer_for4(const conf::Config& config, const net::Ip4Prefix& subnet, TwinPlan& twin) {
  Owned owned(subnet);
  for (const auto& instance : config.nat64) {
    for (const auto& pool : instance.pools) {
      for (const auto& range : pool.ranges) owned.add(range.first, range.last);
    }
  }
  for (const auto& instance : config.siit) {
    for (const auto& inside : instance.inside4) owned.add(inside);
    for (const auto& mapping : instance.mappings) owned.add(mapping.four);
  }
  const auto prefixes = owned.prefixes();
  twin.answered_for.insert(twin.answered_for.end(), prefixes.begin(), prefixes.end());
}

void answer_for6(const conf::Config& config, const net::Ip6Prefix& subnet, TwinPlan& twin) {
  const auto add = [&](const net::Ip6Prefix& prefix) {
    const auto& known = twin.answered_for6;
    if (!subnet.contains(prefix) || std::find(known.begin(), known.end(), prefix) != known.end()) {
      return;
    }
    twin.answered_for6.push_back(prefix);
  };
  for (const auto& instance : config.nat64) {
    for (const auto& prefix : instance.prefixes) add(prefix.prefix());
  }
  for (const auto& instance : config.siit) add(instance.prefix.prefix());
}

void answer_for_translator(const conf::Config& config, TwinPlan& twin) {
  for (const auto& own : twin.addresses) {
    const IpPrefix connected = subnet(own);
    if (const auto* v4 = std::get_if<net::Ip4Prefix>(&connected)) {
      answer_for4(config, *v4, twin);
    } else {
      answer_for6(config, std::get<net::Ip6Prefix>(connected), twin);
    }
  }
}

Result<RoutePlan> plan_route(const conf::Config& config, const conf::Route& route,
                             const KernelPlan& plan) {
  std::optional<RoutePlan> found;
  int longest = -1;
  for (std::size_t i = 0; i < plan.twins.size(); ++i) {
    for (const auto& address : plan.twins[i].addresses) {
      if (!contains(subnet(address), route.via) || address.length <= longest) continue;
      longest = address.length;
      found = RoutePlan{route.prefix, route.via, static_cast<dataplane::InterfaceId>(i)};
    }
  }
  if (found) return *found;
  return Error{
      fmt::format("{}:{}: route {}: the gateway {} is in no subnet of an interface; give "
                  "an interface an address in the gateway's subnet",
                  config.file, route.line, text_of(route.prefix), text_of(route.via))};
}

}  // namespace

std::vector<net::Ip4Prefix> cover(const conf::AddressRange& range) {
  std::vector<net::Ip4Prefix> prefixes;
  uint64_t at = range.first.host();
  const uint64_t end = uint64_t{range.last.host()} + 1;
  while (at < end) {
    const int aligned = at == 0 ? 32 : std::countr_zero(at);
    const int fitting = 63 - std::countl_zero(end - at);
    const int bits = std::min(aligned, fitting);
    prefixes.push_back(
        {net::Ip4::from_host(static_cast<uint32_t>(at)), static_cast<uint8_t>(32 - bits)});
    at += uint64_t{1} << bits;
  }
  return prefixes;
}

Result<KernelPlan> make_kernel_plan(const conf::Config& config) {
  KernelPlan plan;
  for (const auto& port : config.ports) {
    for (const auto& interface : port.interfaces) {
      plan.twins.push_back({interface.name, interface.addresses, {}, {}, {}});
    }
  }
  place_service_addresses(config, plan);
  for (auto& twin : plan.twins) answer_for_translator(config, twin);
  for (const auto& route : config.routes) {
    const auto planned = plan_route(config, route, plan);
    if (!planned) return planned.error();
    plan.routes.push_back(*planned);
    plan.twins[planned->interface].gateways.push_back(planned->via);
  }
  return plan;
}

}  // namespace isthmus::control
