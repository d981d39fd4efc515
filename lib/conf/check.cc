// SPDX-License-Identifier: BSD-3-Clause
// Contradictions that no single option shows. The first one found is the error.
#include "conf/check.h"

#include <algorithm>
#include <map>
#include <set>

#include "conf/option.h"

namespace isthmus::conf {
namespace {

using Strings = std::map<std::string, std::string>;  // value -> path of its first use

/// Notes that `path` has `value`; a problem if another path has it already.
Checked unique(Strings& seen, const std::string& value, const std::string& path,
               std::string_view what) {
  const auto [it, is_new] = seen.emplace(value, path);
  if (is_new) return std::nullopt;
  return Problem{path, 0, quote(value),
                 fmt::format("{} that {} does not have already", what, it->second)};
}

bool is_word(std::string_view text) {
  return text.find_first_not_of(
             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") ==
             std::string_view::npos &&
         !text.starts_with('-');
}

Checked check_word(const std::string& text, const std::string& path) {
  if (is_word(text)) return std::nullopt;
  return Problem{path, 0, quote(text), "letters, digits, '_' and '-'"};
}

/// ADDRESS:PORT or [ADDRESS]:PORT, both there, and nothing else that a resolver may have.
bool is_endpoint(std::string_view text) {
  const auto endpoint = TextCodec<Endpoint>::parse(text);
  if (!endpoint) return false;
  const auto address = TextCodec<Address>::print(endpoint->address);
  const bool is_v6 = std::holds_alternative<net::Ip6>(endpoint->address);
  // TextCodec lets the port go, and IPv6 addresses without one their brackets.
  return endpoint->transport == DnsTransport::kUdp && is_v6 == text.starts_with('[') &&
         text.ends_with(fmt::format("{}:{}", is_v6 ? "]" : address, endpoint->port));
}

Checked check_metrics(const Config& config, const Lines&) {
  const auto& listen = config.metrics.listen;
  if (listen.empty() || is_endpoint(listen)) return std::nullopt;
  return Problem{"metrics.listen", 0, quote(listen),
                 "an address and a port, like 127.0.0.1:9464 or [::1]:9464"};
}

Checked check_core(const Config& config, const Lines&) {
  const auto count = config.cores.workers.size();
  if (count == 0 || count > kMaxWorkers) {
    return Problem{"cores.workers", 0, fmt::format("{} workers", count),
                   fmt::format("1 to {} workers", kMaxWorkers)};
  }
  if (config.cores.dns.size() > kMaxDnsCores) {
    return Problem{"cores.dns", 0, fmt::format("{} cores", config.cores.dns.size()),
                   fmt::format("at most {}", kMaxDnsCores)};
  }
  if (!config.control.socket.starts_with('/')) {
    return Problem{"control.socket", 0, quote(config.control.socket),
                   "a path that begins with \"/\""};
  }
  return std::nullopt;
}

// What DPDK takes whatever the traffic. The forwarding tables of lib/dataplane/fib.cc, two copies:
// 2^24 places of two octets for each family, second-level tables, and the routes themselves, of
// which more memory allows more.
constexpr uint64_t kTablesMegabytes = 210;
constexpr uint64_t kBufferOverhead = 384;  // mempool header, mbuf, what travels with it

// As lib/dataplane/memory.cc makes them: link header and headroom added, in units of 1024.
uint64_t buffer_room(uint16_t mtu) {
  const uint64_t frame = std::max<uint64_t>(mtu + 22u, 2048);
  return (frame + 1023) / 1024 * 1024 + 128;
}

Checked check_memory(const Config& config, const Lines&) {
  uint16_t mtu = 0;
  for (const auto& port : config.ports) mtu = std::max(mtu, port.mtu);
  const uint64_t buffers = config.memory.buffers * (buffer_room(mtu) + kBufferOverhead) >> 20;
  const uint64_t least = kTablesMegabytes + buffers;
  if (config.memory.megabytes >= least) return std::nullopt;
  return Problem{"memory.megabytes", 0, std::to_string(config.memory.megabytes),
                 fmt::format("at least {}: {} for forwarding tables, {} for memory.buffers", least,
                             kTablesMegabytes, buffers)};
}

Checked check_port(const Config& config, std::size_t index, const Lines& lines) {
  // Kernel limits for the twin: IFNAMSIZ is 16 with the end mark; "all" and "default" mean every
  // interface under /proc/sys/net.
  constexpr std::size_t kMaxInterfaceName = 15;
  const auto& port = config.ports[index];
  const auto path = fmt::format("ports[{}]", index);
  if (auto problem = check_word(port.name, path + ".name")) return problem;
  if (port.name == "all" || port.name == "default" || port.name == "lo") {
    return Problem{path + ".name", 0, quote(port.name), "a name that the kernel does not reserve"};
  }
  std::set<uint16_t> vlans;
  for (std::size_t i = 0; i < port.interfaces.size(); ++i) {
    const auto& interface = port.interfaces[i];
    auto where = fmt::format("{}.interfaces[{}]", path, i);
    if (!lines.has(where)) where = path + ".addresses";
    if (!vlans.insert(interface.vlan).second) {
      return Problem{lines.has(where + ".vlan") ? where + ".vlan" : where, 0,
                     fmt::format("vlan {} again", interface.vlan),
                     "each vlan once in a port (0, the default, is the untagged interface)"};
    }
    if (interface.name.size() > kMaxInterfaceName) {
      return Problem{where + ".vlan", 0, fmt::format("interface name {}", quote(interface.name)),
                     "PORT.VLAN of at most 15 characters: a shorter port name"};
    }
  }
  return std::nullopt;
}

Checked check_devices(const Config& config, std::size_t index, Strings& devices) {
  const auto& port = config.ports[index];
  const auto path = fmt::format("ports[{}]", index);
  if (port.device.empty() && port.members.empty()) {
    return Problem{path + ".device", 0, "nothing", "this option, or members of a bond"};
  }
  if (!port.device.empty() && !port.members.empty()) {
    return Problem{path + ".members", 0, "members beside a device", "one or the other"};
  }
  for (std::size_t i = 0; i < port.members.size(); ++i) {
    const auto where = fmt::format("{}.members[{}]", path, i);
    if (auto problem = unique(devices, port.members[i], where, "a device")) return problem;
  }
  if (port.device.empty()) return std::nullopt;
  return unique(devices, port.device, path + ".device", "a device");
}

Checked check_ports(const Config& config, const Lines& lines) {
  Strings names;
  Strings devices;
  for (std::size_t i = 0; i < config.ports.size(); ++i) {
    const auto path = fmt::format("ports[{}]", i);
    const auto& port = config.ports[i];
    if (auto problem = check_port(config, i, lines)) return problem;
    if (auto problem = unique(names, port.name, path + ".name", "a name")) return problem;
    if (auto problem = check_devices(config, i, devices)) return problem;
  }
  return std::nullopt;
}

Checked check_names(const Config& config, const Lines&) {
  Strings instances;
  for (std::size_t i = 0; i < config.nat64.size(); ++i) {
    const auto path = fmt::format("nat64[{}]", i);
    const auto& nat64 = config.nat64[i];
    if (auto problem = check_word(nat64.name, path + ".name")) return problem;
    if (auto problem = unique(instances, nat64.name, path + ".name", "a name")) return problem;
    if (nat64.prefixes.empty()) {
      return Problem{path + ".prefixes", 0, "an empty list", "at least one element"};
    }
    Strings pools;
    for (std::size_t j = 0; j < nat64.pools.size(); ++j) {
      const auto pool = fmt::format("{}.pools[{}].name", path, j);
      if (auto problem = check_word(nat64.pools[j].name, pool)) return problem;
      if (auto problem = unique(pools, nat64.pools[j].name, pool, "a name")) return problem;
    }
  }
  Strings stateless;
  for (std::size_t i = 0; i < config.siit.size(); ++i) {
    const auto path = fmt::format("siit[{}].name", i);
    if (auto problem = check_word(config.siit[i].name, path)) return problem;
    if (auto problem = unique(stateless, config.siit[i].name, path, "a name")) return problem;
  }
  return std::nullopt;
}

Checked check_timers(const Config& config, const Lines&) {
  for (std::size_t i = 0; i < config.nat64.size(); ++i) {
    const auto& timers = config.nat64[i].timers;
    if (timers.tcp_opening > timers.tcp_established) {
      return Problem{fmt::format("nat64[{}].timers.tcp_opening", i), 0,
                     std::to_string(timers.tcp_opening),
                     fmt::format("at most tcp_established ({})", timers.tcp_established)};
    }
  }
  return std::nullopt;
}

Checked check_pcp(const Config& config, const Lines&) {
  const auto& pcp = config.pcp;
  if (!pcp.enabled) return std::nullopt;
  if (config.nat64.empty()) {
    return Problem{"pcp", 0, "no nat64 instance", "one, whose pools have ports to give"};
  }
  for (std::size_t i = 0; i < pcp.listen.size(); ++i) {
    const auto path = fmt::format("pcp.listen[{}]", i);
    const auto text = net::to_string(pcp.listen[i]);
    if (std::find(pcp.listen.begin(), pcp.listen.begin() + static_cast<std::ptrdiff_t>(i),
                  pcp.listen[i]) != pcp.listen.begin() + static_cast<std::ptrdiff_t>(i)) {
      return Problem{path, 0, quote(text), "each address once"};
    }
    if (!find_interface_address(config, pcp.listen[i])) {
      return Problem{path, 0, quote(text), "an address that one of the ports' interfaces has"};
    }
  }
  if (pcp.lifetime_min > pcp.lifetime_max) {
    return Problem{"pcp.lifetime_min", 0, std::to_string(pcp.lifetime_min),
                   fmt::format("at most lifetime_max ({})", pcp.lifetime_max)};
  }
  return std::nullopt;
}

}  // namespace

Checked check_config(const Config& config, const Lines& lines) {
  using Check = Checked (*)(const Config&, const Lines&);
  constexpr Check kChecks[] = {check_core,   check_metrics,    check_memory,    check_ports,
                               check_names,  check_timers,     check_addresses, check_prefixes,
                               check_pools,  check_pool_rules, check_statics,   check_policies,
                               check_routes, check_dns64,      check_pcp,       check_exports};
  for (const auto check : kChecks) {
    if (auto problem = check(config, lines)) {
      if (problem->line == 0) problem->line = lines.of(problem->path);
      return problem;
    }
  }
  return std::nullopt;
}

}  // namespace isthmus::conf
