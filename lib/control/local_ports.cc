// SPDX-License-Identifier: BSD-3-Clause
#include "control/local_ports.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "net/address_tests.h"

namespace isthmus::control {
namespace {

constexpr const char* kSetting = "net.ipv4.ip_local_port_range";

/// An IPv4 address of the gateway inside the range, and whose it is.
std::string shared_address(const conf::Config& config, const conf::AddressRange& range) {
  const auto inside = [&](const auto& address) {
    const auto* ip4 = std::get_if<net::Ip4>(&address);
    return ip4 != nullptr && net::contains(range, *ip4);
  };
  for (const auto& port : config.ports) {
    for (const auto& interface : port.interfaces) {
      for (const auto& own : interface.addresses) {
        if (!inside(own.address)) continue;
        return fmt::format("{}, interface {}'s own address",
                           net::to_string(std::get<net::Ip4>(own.address)), interface.name);
      }
    }
  }
  if (!config.dns64.enabled) return {};
  for (const auto& listen : config.dns64.listen) {
    if (inside(listen)) {
      return fmt::format("{}, where dns64 listens", net::to_string(std::get<net::Ip4>(listen)));
    }
  }
  return {};
}

/// The larger part of the kernel's range that the pool leaves to it.
std::string what_to_set(const conf::Pool& pool, const LocalPorts& kernel) {
  const int below = pool.first_port - std::max<int>(kernel.first, 1024);
  const int above = kernel.last - pool.last_port;
  const int free_above = 65535 - pool.last_port;
  const int free_below = pool.first_port - 1024;
  if (above <= 0 && below <= 0 && free_above <= 0 && free_below <= 0) {
    return fmt::format("give the pool fewer ports, like ports = \"1024-{}\"", kernel.first - 1);
  }
  const bool upper = free_above >= free_below;
  const int first = upper ? pool.last_port + 1 : 1024;
  const int last = upper ? 65535 : pool.first_port - 1;
  return fmt::format("sysctl {}=\"{} {}\", or give the pool other ports", kSetting, first, last);
}

}  // namespace

std::optional<LocalPorts> kernel_local_ports() {
  std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
  LocalPorts ports;
  if (!(file >> ports.first >> ports.last)) return std::nullopt;
  return ports;
}

Status check_local_ports(const conf::Config& config, const LocalPorts& kernel) {
  for (std::size_t i = 0; i < config.nat64.size(); ++i) {
    for (std::size_t k = 0; k < config.nat64[i].pools.size(); ++k) {
      const auto& pool = config.nat64[i].pools[k];
      if (pool.first_port > kernel.last || kernel.first > pool.last_port) continue;
      for (const auto& range : pool.ranges) {
        const auto shared = shared_address(config, range);
        if (shared.empty()) continue;
        return Error{fmt::format(
            "{}: nat64[{}].pools[{}].ports: found {}-{} on {}, while the kernel takes ports {}-{} "
            "for its own connections ({}); {}",
            config.file, i, k, pool.first_port, pool.last_port, shared, kernel.first, kernel.last,
            kSetting, what_to_set(pool, kernel))};
      }
    }
  }
  return Ok{};
}

}  // namespace isthmus::control
