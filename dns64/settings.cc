// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/settings.h"

#include <algorithm>

#include "conf/read_file.h"

namespace isthmus::dns64 {
namespace {

constexpr std::size_t kMaxListFile = 256u << 20;

Status check(const conf::Dns64& config) {
  if (config.upstreams.empty()) {
    return Error{"dns64.upstreams is empty; name at least one resolver to ask"};
  }
  if (all_upstreams(config).size() > kMaxUpstreams) {
    return Error{"dns64 names more than 64 resolvers, those of zones included; remove some"};
  }
  if (config.upstream_timeout_ms == 0) {
    return Error{"dns64.upstream_timeout_ms is 0; give the resolvers some time"};
  }
  return Ok{};
}

Synthesis synthesis_of(conf::DnsSynthesis synthesis) {
  switch (synthesis) {
    case conf::DnsSynthesis::kNever: return Synthesis::kNever;
    case conf::DnsSynthesis::kAlways: return Synthesis::kAlways;
    case conf::DnsSynthesis::kNormal: break;
  }
  return Synthesis::kNormal;
}

Transport transport_of(conf::DnsTransport transport) {
  switch (transport) {
    case conf::DnsTransport::kTcp: return Transport::kTcp;
    case conf::DnsTransport::kTls: return Transport::kTls;
    case conf::DnsTransport::kUdp: break;
  }
  return Transport::kUdp;
}

Policy policy_of(const conf::Dns64& config, const Translator& translator) {
  Policy policy;
  policy.rules.clear();
  for (const net::Prefix6052& prefix : translator.prefixes) {
    policy.rules.push_back({net::Ip4Prefix{}, prefix});
    if (!config.all_prefixes) break;
  }
  for (const conf::DnsRange& range : config.ranges) {
    for (const net::Prefix6052& prefix : range.prefixes) {
      policy.rules.push_back({range.ipv4, prefix});
    }
    if (range.prefixes.empty()) policy.rules.push_back({range.ipv4, std::nullopt});
  }
  // RFC 6147 5.1.4: ::ffff/96 is excluded by default.
  if (!config.exclude.empty()) policy.exclude = config.exclude;
  policy.may_carry = translator.may_carry;
  policy.synthesis = synthesis_of(config.synthesis);
  return policy;
}

net::Ip6Prefix mapped(const std::variant<net::Ip4Prefix, net::Ip6Prefix>& prefix) {
  if (const auto* v6 = std::get_if<net::Ip6Prefix>(&prefix)) return *v6;
  const auto& v4 = std::get<net::Ip4Prefix>(prefix);
  return {map_ip4(v4.address), static_cast<uint8_t>(96 + v4.length)};
}

std::vector<ClientRule> client_rules(const conf::Dns64& config, const Policy& everybody) {
  std::vector<ClientRule> rules;
  for (const conf::DnsClients& clients : config.clients) {
    ClientRule rule;
    rule.policy = everybody;
    rule.refuse = clients.policy == conf::DnsClientPolicy::kRefuse;
    if (clients.policy == conf::DnsClientPolicy::kNever) {
      rule.policy.synthesis = Synthesis::kNever;
    }
    if (clients.policy == conf::DnsClientPolicy::kAlways) {
      rule.policy.synthesis = Synthesis::kAlways;
    }
    if (!clients.prefixes.empty()) {
      rule.policy.rules.clear();
      for (const auto& prefix : clients.prefixes) rule.policy.rules.push_back({{}, prefix});
    }
    for (const auto& address : clients.addresses) {
      rule.clients = mapped(address);
      rules.push_back(rule);
    }
  }
  return rules;
}

Result<std::string> text_of(const std::string& path, const char* expected) {
  if (!path.starts_with('/')) {
    return Error{"found \"" + path + "\", expected a path that begins with \"/\""};
  }
  return conf::read_file(path, kMaxListFile, expected);
}

NameAction action_of(conf::DnsNameAction action) {
  switch (action) {
    case conf::DnsNameAction::kForce: return NameAction::kForce;
    case conf::DnsNameAction::kBlock: return NameAction::kBlock;
    case conf::DnsNameAction::kExclude: break;
  }
  return NameAction::kExclude;
}

Status load_names(const conf::Dns64& config, EngineSettings& settings) {
  if (config.names.empty()) return Ok{};
  auto rules = std::make_shared<NameRules>();
  for (std::size_t i = 0; i < config.names.size(); ++i) {
    const conf::DnsNames& names = config.names[i];
    const NameAction action = action_of(names.action);
    if (!names.file.empty()) {
      Result<std::string> text = text_of(names.file, "a file of names");
      if (!text) return text.error();
      if (Status status = rules->add_file(names.file, *text, action); !status) return status;
    }
    for (const std::string& name : names.names) {
      if (Status status = rules->add(name, action); !status) {
        return Error{"dns64.names[" + std::to_string(i) + "].names: " + status.error().text};
      }
    }
  }
  settings.names = std::move(rules);
  return Ok{};
}

Status load_zone(const conf::DnsZone& zone, const Name& name, LocalZones& zones) {
  if (!zone.hosts.empty()) {
    Result<std::string> text = text_of(zone.hosts, "a file in hosts format");
    return text ? zones.add_hosts(name, zone.hosts, *text) : Status(text.error());
  }
  if (name.is_root()) return Error{"dns64.zones: \".\" can have hosts or upstreams only"};
  if (zone.file.empty()) {
    zones.add_zone(name);
    return Ok{};
  }
  Result<std::string> text = text_of(zone.file, "a master file");
  return text ? zones.add_master(name, zone.file, *text) : Status(text.error());
}

Status load_zones(const conf::Dns64& config, EngineSettings& settings) {
  auto zones = std::make_shared<LocalZones>();
  auto first = static_cast<unsigned>(config.upstreams.size());
  for (std::size_t i = 0; i < config.zones.size(); ++i) {
    const conf::DnsZone& zone = config.zones[i];
    Result<Name> name = Name::from_text(zone.name);
    if (!name) {
      return Error{"dns64.zones[" + std::to_string(i) + "].name: " + name.error().text};
    }
    const std::size_t before = zones->names();
    if (zone.upstreams.empty()) {
      if (Status status = load_zone(zone, *name, *zones); !status) return status;
    }
    settings.zone_names.push_back(zones->names() - before);
    if (zone.upstreams.empty()) continue;
    const auto count = static_cast<unsigned>(zone.upstreams.size());
    settings.forwards.push_back({*name, {first, count}});
    first += count;
  }
  settings.upstreams = first;
  if (!zones->empty()) settings.zones = std::move(zones);
  return Ok{};
}

}  // namespace

std::vector<conf::Endpoint> all_upstreams(const conf::Dns64& config) {
  std::vector<conf::Endpoint> all = config.upstreams;
  for (const conf::DnsZone& zone : config.zones) {
    all.insert(all.end(), zone.upstreams.begin(), zone.upstreams.end());
  }
  return all;
}

Translator translator_of(const conf::Config& config) {
  Translator translator;
  const auto* instance = config.nat64_of_dns64();
  if (instance == nullptr) return translator;
  translator.prefixes = instance->prefixes;
  translator.may_carry = {instance->policy.allow_non_global,
                          {config.addresses.global, config.addresses.forbidden}};
  return translator;
}

Result<EngineSettings> make_settings(const conf::Dns64& config, const Translator& translator) {
  if (Status status = check(config); !status) return status.error();
  EngineSettings settings;
  settings.policy = policy_of(config, translator);
  settings.clients = client_rules(config, settings.policy);
  for (const conf::Endpoint& endpoint : all_upstreams(config)) {
    settings.transports.push_back(transport_of(endpoint.transport));
  }
  settings.parallel = config.parallel;
  settings.synthesise_on_error = config.synthesise_on_error;
  settings.fastest = config.upstream_choice == conf::DnsUpstreamChoice::kFastest;
  settings.upstream_timeout_ms = config.upstream_timeout_ms;
  settings.cache_entries = config.cache_entries;
  settings.serve_stale = config.serve_stale;
  settings.prefetch = config.prefetch;
  settings.max_in_flight = config.max_in_flight;
  settings.client_in_flight = config.client_in_flight;
  settings.zone_in_flight = config.zone_in_flight;
  settings.rate_limit = config.rate_limit;
  if (Status status = load_names(config, settings); !status) return status.error();
  if (Status status = load_zones(config, settings); !status) return status.error();
  return settings;
}

}  // namespace isthmus::dns64
