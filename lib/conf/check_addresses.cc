// SPDX-License-Identifier: BSD-3-Clause
// Contradictions between addresses: of interfaces, prefixes, pools and routes.
#include <algorithm>
#include <map>

#include "conf/check.h"

namespace isthmus::conf {
namespace {

// Pool tables are dense: every address costs memory on its worker, used or not.
constexpr uint64_t kMaxPoolAddresses = 1 << 16;

bool is_unicast(net::Ip4 address) {
  const uint32_t host = address.host();
  return (host >> 24) != 0 && (host >> 24) != 127 && (host >> 28) < 0xe;
}

bool is_unicast(const net::Ip6& address) {
  const bool tiny = address.raw_high() == 0 &&  // :: and ::1
                    net::prefix_of(address, 120) == net::Ip6Prefix{net::Ip6{}, 120};
  return address.bytes[0] != 0xff && !tiny;
}

/// Calls `visit(path, interface, address)` for every interface address until one is a problem.
template <class Visit>
Checked each_address(const Config& config, const Lines& lines, const Visit& visit) {
  for (std::size_t p = 0; p < config.ports.size(); ++p) {
    const auto& port = config.ports[p];
    for (std::size_t i = 0; i < port.interfaces.size(); ++i) {
      auto path = fmt::format("ports[{}].interfaces[{}]", p, i);
      if (!lines.has(path)) path = fmt::format("ports[{}]", p);
      const auto& addresses = port.interfaces[i].addresses;
      for (std::size_t a = 0; a < addresses.size(); ++a) {
        if (auto problem =
                visit(fmt::format("{}.addresses[{}]", path, a), port.interfaces[i], addresses[a])) {
          return problem;
        }
      }
    }
  }
  return std::nullopt;
}

struct NamedPrefix {
  std::string path;
  net::Ip6Prefix prefix;
  const Nat64* nat64 = nullptr;  ///< whose it is, if a stateful instance's
};

std::vector<NamedPrefix> translation_prefixes(const Config& config) {
  std::vector<NamedPrefix> out;
  for (std::size_t i = 0; i < config.nat64.size(); ++i) {
    const auto& prefixes = config.nat64[i].prefixes;
    for (std::size_t j = 0; j < prefixes.size(); ++j) {
      out.push_back(
          {fmt::format("nat64[{}].prefixes[{}]", i, j), prefixes[j].prefix(), &config.nat64[i]});
    }
  }
  for (std::size_t i = 0; i < config.siit.size(); ++i) {
    out.push_back({fmt::format("siit[{}].prefix", i), config.siit[i].prefix.prefix(), nullptr});
  }
  return out;
}

struct NamedRange {
  std::string path;
  AddressRange range;
};

bool overlap(const AddressRange& a, const AddressRange& b) {
  return !(a.last < b.first) && !(b.last < a.first);
}

AddressRange range_of(const net::Ip4Prefix& prefix) {
  return {prefix.address, net::Ip4::from_host(prefix.address.host() | ~prefix.mask())};
}

/// The first two ranges that overlap, found by sorting: pools may have many.
Checked find_overlap(std::vector<NamedRange> ranges) {
  std::stable_sort(ranges.begin(), ranges.end(), [](const NamedRange& a, const NamedRange& b) {
    return a.range.first < b.range.first;
  });
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    const auto& a = ranges[i - 1];
    const auto& b = ranges[i];
    if (!overlap(a.range, b.range)) continue;
    return Problem{b.path, 0, quote(TextCodec<AddressRange>::print(b.range)),
                   fmt::format("addresses that {} ({}) does not have", a.path,
                               TextCodec<AddressRange>::print(a.range))};
  }
  return std::nullopt;
}

Checked check_pool(const Config& config, const Lines& lines, const Pool& pool,
                   const std::string& path) {
  for (std::size_t i = 0; i < pool.ranges.size(); ++i) {
    const auto& range = pool.ranges[i];
    const auto where = fmt::format("{}.addresses[{}]", path, i);
    if (!is_unicast(range.first) || !is_unicast(range.last)) {
      return Problem{where, 0, quote(TextCodec<AddressRange>::print(range)),
                     "unicast addresses, none of 0.0.0.0/8, 127.0.0.0/8 or 224.0.0.0/3"};
    }
    // Ports below 1024 are never lent unless asked for, so leaving only those out divides nothing:
    // the kernel would take its own connections' ports from the pool's.
    const bool divided =
        lines.has(path + ".ports") && (pool.first_port > 1024 || pool.last_port < 65535);
    if (divided) continue;
    auto problem = each_address(
        config, lines, [&](const std::string&, const Interface& interface, const auto& own) {
          const auto* v4 = std::get_if<net::Ip4>(&own.address);
          if (v4 == nullptr || *v4 < range.first || range.last < *v4) return Checked{};
          return Checked{Problem{
              where, 0,
              fmt::format("{}, interface {}'s own address", net::to_string(*v4), interface.name),
              "another address, or a port range that divides it, like ports = \"1024-32767\""}};
        });
    if (problem) return problem;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> find_interface_address(const Config& config, const Address& address) {
  for (const auto& port : config.ports) {
    for (const auto& interface : port.interfaces) {
      for (const auto& own : interface.addresses) {
        if (own.address == address) return interface.name;
      }
    }
  }
  return std::nullopt;
}

Checked check_addresses(const Config& config, const Lines& lines) {
  std::map<std::string, std::string> seen;
  const auto prefixes = translation_prefixes(config);
  return each_address(
      config, lines,
      [&](const std::string& path, const Interface&, const InterfaceAddress& own) -> Checked {
        const auto text = TextCodec<InterfaceAddress>::print(own);
        if (!std::visit([](const auto& a) { return is_unicast(a); }, own.address)) {
          return Problem{path, 0, quote(text), "a unicast address"};
        }
        const auto [it, is_new] = seen.emplace(TextCodec<Address>::print(own.address), path);
        if (!is_new) {
          return Problem{path, 0, quote(text), "an address that " + it->second + " does not have"};
        }
        const auto* v6 = std::get_if<net::Ip6>(&own.address);
        for (const auto& [where, prefix, nat64] : prefixes) {
          if (v6 == nullptr || !prefix.contains(*v6)) continue;
          return Problem{path, 0, quote(text),
                         fmt::format("an address outside {} ({})", where, net::to_string(prefix))};
        }
        return std::nullopt;
      });
}

namespace {

// Stateful instances may share a prefix if their sources tell whose a packet is.
bool may_share(const NamedPrefix& a, const NamedPrefix& b) {
  return a.nat64 != nullptr && b.nat64 != nullptr && a.nat64 != b.nat64 &&
         a.nat64->sources != b.nat64->sources;
}

Checked check_sources(const Config& config) {
  for (std::size_t i = 0; i < config.nat64.size(); ++i) {
    const auto& own = config.nat64[i];
    for (std::size_t k = 0; k < own.sources.size(); ++k) {
      for (std::size_t j = 0; j <= i; ++j) {
        const auto& other = config.nat64[j];
        const bool meet = std::any_of(
            own.prefixes.begin(), own.prefixes.end(), [&](const net::Prefix6052& prefix) {
              return std::find(other.prefixes.begin(), other.prefixes.end(), prefix) !=
                     other.prefixes.end();
            });
        const auto end =
            j == i ? other.sources.begin() + static_cast<std::ptrdiff_t>(k) : other.sources.end();
        if (!meet || std::find(other.sources.begin(), end, own.sources[k]) == end) continue;
        return Problem{fmt::format("nat64[{}].sources[{}]", i, k), 0,
                       quote(net::to_string(own.sources[k])),
                       fmt::format("a source that nat64[{}] does not have already", j)};
      }
    }
  }
  return std::nullopt;
}

}  // namespace

Checked check_prefixes(const Config& config, const Lines&) {
  const auto prefixes = translation_prefixes(config);
  for (std::size_t i = 0; i < prefixes.size(); ++i) {
    const auto& [path, prefix, nat64] = prefixes[i];
    if (prefix.address.bytes[0] == 0xff) {
      return Problem{path, 0, quote(net::to_string(prefix)), "a unicast prefix"};
    }
    for (std::size_t j = 0; j < i; ++j) {
      const auto& other = prefixes[j];
      if (!(prefix == other.prefix) || may_share(prefixes[i], other)) continue;
      const bool both = nat64 != nullptr && other.nat64 != nullptr && nat64 != other.nat64;
      return Problem{path, 0, quote(net::to_string(prefix)),
                     fmt::format("a prefix that {} does not have{}", other.path,
                                 both ? ", or instances with different `sources`" : "")};
    }
  }
  return check_sources(config);
}

Checked check_pools(const Config& config, const Lines& lines) {
  std::vector<NamedRange> ranges;
  uint64_t total = 0;
  for (std::size_t i = 0; i < config.nat64.size(); ++i) {
    const auto& pools = config.nat64[i].pools;
    for (std::size_t j = 0; j < pools.size(); ++j) {
      const auto path = fmt::format("nat64[{}].pools[{}]", i, j);
      if (auto problem = check_pool(config, lines, pools[j], path)) return problem;
      for (std::size_t k = 0; k < pools[j].ranges.size(); ++k) {
        const auto& range = pools[j].ranges[k];
        total += uint64_t{range.last.host()} - range.first.host() + 1;
        ranges.push_back({fmt::format("{}.addresses[{}]", path, k), range});
        if (total > kMaxPoolAddresses) {
          return Problem{ranges.back().path, 0, fmt::format("{} pool addresses so far", total),
                         fmt::format("at most {} in all pools", kMaxPoolAddresses)};
        }
      }
    }
  }
  for (std::size_t i = 0; i < config.siit.size(); ++i) {
    for (std::size_t k = 0; k < config.siit[i].inside4.size(); ++k) {
      ranges.push_back(
          {fmt::format("siit[{}].inside4[{}]", i, k), range_of(config.siit[i].inside4[k])});
    }
  }
  return find_overlap(std::move(ranges));
}

Checked check_routes(const Config& config, const Lines& lines) {
  std::map<std::string, std::string> seen;
  for (std::size_t i = 0; i < config.routes.size(); ++i) {
    const auto& route = config.routes[i];
    const auto path = fmt::format("routes[{}]", i);
    const auto via = TextCodec<Address>::print(route.via);
    const auto [it, is_new] = seen.emplace(TextCodec<AnyPrefix>::print(route.prefix), path);
    if (!is_new) {
      return Problem{path + ".prefix", 0, quote(it->first),
                     "a destination that " + it->second + " does not have"};
    }
    if (route.prefix.index() != route.via.index()) {
      return Problem{path + ".via", 0, quote(via),
                     route.prefix.index() == 0 ? "an IPv4 address, like the prefix"
                                               : "an IPv6 address, like the prefix"};
    }
    if (find_interface_address(config, route.via)) {
      return Problem{path + ".via", 0, quote(via), "another host's address, not our own"};
    }
    bool on_link = false;
    (void)each_address(config, lines, [&](const auto&, const auto&, const auto& own) -> Checked {
      if (own.address.index() != route.via.index()) return std::nullopt;
      if (const auto* v4 = std::get_if<net::Ip4>(&own.address)) {
        const uint32_t mask = net::Ip4Prefix{{}, own.length}.mask();
        on_link |= ((v4->host() ^ std::get<net::Ip4>(route.via).host()) & mask) == 0;
      } else {
        on_link |= net::prefix_of(std::get<net::Ip6>(own.address), own.length)
                       .contains(std::get<net::Ip6>(route.via));
      }
      return std::nullopt;
    });
    if (!on_link) {
      return Problem{path + ".via", 0, quote(via), "an address in the subnet of an interface"};
    }
  }
  return std::nullopt;
}

}  // namespace isthmus::conf
