// SPDX-License-Identifier: BSD-3-Clause
// Contradictions between static bindings, pools and prefixes.
#include <algorithm>

#include "conf/check.h"
#include "net/address_tests.h"

namespace isthmus::conf {
namespace {

bool in_pools(const Nat64& nat64, net::Ip4 address) {
  for (const auto& pool : nat64.pools) {
    for (const auto& range : pool.ranges) {
      if (net::contains(range, address)) return true;
    }
  }
  return false;
}

std::string side_text(const std::string& address, uint16_t port, const Static& binding) {
  if (binding.protocol == StaticProtocol::kAny) return address;
  return fmt::format("{} port {} ({})", address, port,
                     kWords<StaticProtocol>[static_cast<std::size_t>(binding.protocol)]);
}

bool overlap(const Static& a, const Static& b, uint16_t Static::*port) {
  if (a.protocol == StaticProtocol::kAny || b.protocol == StaticProtocol::kAny) return true;
  return a.protocol == b.protocol && a.*port == b.*port;
}

Checked check_ports(const Static& binding, const std::string& path, const Lines& lines) {
  const bool whole = binding.protocol == StaticProtocol::kAny;
  for (const auto* name : {".inside_port", ".outside_port"}) {
    const bool given = lines.has(path + name);
    if (whole && given) {
      return Problem{path + name, 0, "a port", "protocol = \"tcp\", \"udp\" or \"icmp\" with it"};
    }
    if (!whole && !given) {
      return Problem{path, 0, fmt::format("no {}", name + 1), "one, since protocol is given"};
    }
  }
  const bool icmp = binding.protocol == StaticProtocol::kIcmp;
  if (!whole && !icmp && (binding.inside_port == 0 || binding.outside_port == 0)) {
    return Problem{path + (binding.inside_port == 0 ? ".inside_port" : ".outside_port"), 0, "0",
                   "a port from 1 to 65535"};
  }
  return std::nullopt;
}

/// A port outside the pool's range belongs to the gateway, if that has the address, too.
Checked check_shared(const Config& config, const Nat64& nat64, const Static& binding,
                     const std::string& path) {
  const auto interface = find_interface_address(config, binding.outside);
  if (!interface) return std::nullopt;
  for (const auto& pool : nat64.pools) {
    const bool here = std::any_of(pool.ranges.begin(), pool.ranges.end(), [&](const auto& range) {
      return net::contains(range, binding.outside);
    });
    if (!here) continue;
    if (binding.protocol == StaticProtocol::kAny) {
      return Problem{path + ".outside", 0, quote(net::to_string(binding.outside)),
                     fmt::format("an address that interface {} does not have", *interface)};
    }
    if (binding.outside_port < pool.first_port || binding.outside_port > pool.last_port) {
      return Problem{path + ".outside_port", 0, std::to_string(binding.outside_port),
                     fmt::format("a port from {} to {}: the others are interface {}'s own",
                                 pool.first_port, pool.last_port, *interface)};
    }
  }
  return std::nullopt;
}

}  // namespace

Checked check_static(const Config& config, const Nat64& nat64, const Static& binding,
                     const std::string& path) {
  for (const auto& prefix : nat64.prefixes) {
    if (!prefix.contains(binding.inside)) continue;
    return Problem{path + ".inside", 0, quote(net::to_string(binding.inside)),
                   "an address outside " + net::to_string(prefix.prefix())};
  }
  if (!in_pools(nat64, binding.outside)) {
    return Problem{path + ".outside", 0, quote(net::to_string(binding.outside)),
                   "an address of one of the instance's pools"};
  }
  return check_shared(config, nat64, binding, path);
}

Checked check_statics(const Config& config, const Lines& lines) {
  for (std::size_t i = 0; i < config.nat64.size(); ++i) {
    const auto& nat64 = config.nat64[i];
    for (std::size_t j = 0; j < nat64.statics.size(); ++j) {
      const auto path = fmt::format("nat64[{}].static[{}]", i, j);
      const auto& binding = nat64.statics[j];
      if (auto problem = check_ports(binding, path, lines)) return problem;
      if (auto problem = check_static(config, nat64, binding, path)) return problem;
      for (std::size_t k = 0; k < j; ++k) {
        const auto& other = nat64.statics[k];
        const auto where = fmt::format("nat64[{}].static[{}]", i, k);
        if (binding.outside == other.outside && overlap(binding, other, &Static::outside_port)) {
          return Problem{
              path + ".outside", 0,
              quote(side_text(net::to_string(binding.outside), binding.outside_port, binding)),
              fmt::format("what {} does not have already", where)};
        }
        const bool both_any =
            (binding.protocol == StaticProtocol::kAny) == (other.protocol == StaticProtocol::kAny);
        if (binding.inside == other.inside && both_any &&
            overlap(binding, other, &Static::inside_port)) {
          return Problem{
              path + ".inside", 0,
              quote(side_text(net::to_string(binding.inside), binding.inside_port, binding)),
              fmt::format("what {} does not have already", where)};
        }
      }
    }
  }
  return std::nullopt;
}

}  // namespace isthmus::conf
