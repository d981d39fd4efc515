// SPDX-License-Identifier: BSD-3-Clause
// Contradictions in the DNS64 group.
#include <set>

#include "conf/check.h"
#include "conf/option.h"

namespace isthmus::conf {
namespace {

/// A resolver that is ourselves would be asked for ever.
Checked check_upstreams(const std::vector<Endpoint>& upstreams, const std::string& path,
                        const std::set<std::string>& listen) {
  for (std::size_t i = 0; i < upstreams.size(); ++i) {
    const auto text = TextCodec<Address>::print(upstreams[i].address);
    if (upstreams[i].port != 53 || !listen.contains(text)) continue;
    return Problem{fmt::format("{}[{}]", path, i), 0, quote(text),
                   "another resolver than dns64 itself"};
  }
  return std::nullopt;
}

Checked check_zones(const Dns64& dns64, const std::set<std::string>& listen) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < dns64.zones.size(); ++i) {
    const auto& zone = dns64.zones[i];
    const auto path = fmt::format("dns64.zones[{}]", i);
    const auto kinds =
        int{!zone.upstreams.empty()} + int{!zone.hosts.empty()} + int{!zone.file.empty()};
    if (kinds > 1) {
      return Problem{path, 0, fmt::format("{} of upstreams, hosts, file", kinds), "one of them"};
    }
    if (!names.insert(zone.name).second && zone.hosts.empty()) {
      return Problem{path + ".name", 0, quote(zone.name), "each zone once"};
    }
    if (auto problem = check_upstreams(zone.upstreams, path + ".upstreams", listen)) return problem;
  }
  return std::nullopt;
}

Checked check_clients(const Dns64& dns64) {
  constexpr std::size_t kMost = 100;
  std::size_t count = 0;
  for (const auto& clients : dns64.clients) count += clients.addresses.size();
  if (count <= kMost) return std::nullopt;
  return Problem{"dns64.clients", 0, fmt::format("{} prefixes", count),
                 fmt::format("at most {}", kMost)};
}

}  // namespace

Checked check_dns64(const Config& config, const Lines&) {
  const auto& dns64 = config.dns64;
  if (!dns64.enabled) return std::nullopt;
  if (config.nat64.empty()) {
    return Problem{"dns64", 0, "no nat64 instance", "one, whose prefix DNS64 can use"};
  }
  std::string known;
  for (const auto& nat64 : config.nat64) {
    if (nat64.name == dns64.nat64) known.clear();
    if (nat64.name == dns64.nat64) break;
    known += (known.empty() ? "\"" : ", \"") + nat64.name + '"';
  }
  if (!known.empty()) {
    return Problem{"dns64.nat64", 0, quote(dns64.nat64), "the name of a nat64 instance: " + known};
  }
  std::set<std::string> listen;
  for (std::size_t i = 0; i < dns64.listen.size(); ++i) {
    const auto path = fmt::format("dns64.listen[{}]", i);
    const auto text = TextCodec<Address>::print(dns64.listen[i]);
    if (!listen.insert(text).second) return Problem{path, 0, quote(text), "each address once"};
    if (!find_interface_address(config, dns64.listen[i])) {
      return Problem{path, 0, quote(text), "an address that one of the ports' interfaces has"};
    }
  }
  if (auto problem = check_upstreams(dns64.upstreams, "dns64.upstreams", listen)) return problem;
  if (auto problem = check_clients(dns64)) return problem;
  return check_zones(dns64, listen);
}

}  // namespace isthmus::conf
