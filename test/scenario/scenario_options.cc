// SPDX-License-Identifier: BSD-3-Clause
#include "scenario/scenario.h"

#include <utility>

namespace isthmus::test {

void Scenario::option(const Words& w) {
  const std::string& name = w.at(0);
  dns64::Policy& policy = settings_.policy;
  if (name == "prefix") {
    if (first_prefix_) policy.rules.clear();
    first_prefix_ = false;
    const auto prefix = net::Prefix6052::make(net::parse_ip6_prefix(w.at(1)).value()).value();
    const auto range = w.size() > 2 ? net::parse_ip4_prefix(w[2]).value() : net::Ip4Prefix{};
    policy.rules.push_back({range, prefix});
  } else if (name == "exclude") {
    if (first_exclude_) policy.exclude.clear();
    first_exclude_ = false;
    policy.exclude.push_back(net::parse_ip6_prefix(w.at(1)).value());
  } else if (name == "none") {
    policy.rules.push_back({net::parse_ip4_prefix(w.at(1)).value(), std::nullopt});
  } else if (name == "always" || name == "never") {
    policy.synthesis = name == "always" ? dns64::Synthesis::kAlways : dns64::Synthesis::kNever;
  } else if (name == "parallel") {
    settings_.parallel = true;
  } else if (name == "fastest") {
    settings_.fastest = true;
  } else if (name == "prefetch") {
    settings_.prefetch = true;
  } else if (name == "no-synthesis-on-error") {
    settings_.synthesise_on_error = false;
  } else if (name == "no-clients") {
    settings_.clients.clear();
  } else if (name == "clients") {
    option_clients(w);
  } else if (option_of_names(w) || option_of_limits(w)) {
    return;
  } else if (name == "allow-non-global") {
    policy.may_carry.allow_non_global = true;
  } else if (name == "global") {
    policy.may_carry.addresses = {{net::parse_ip4_prefix(w.at(1)).value()}, {}};
  } else if (name == "forbidden") {
    policy.may_carry.addresses = {{}, {net::parse_ip4_prefix(w.at(1)).value()}};
  } else if (name == "upstreams") {
    settings_.upstreams = static_cast<unsigned>(std::stoul(w.at(1)));
  } else if (name == "timeout") {
    settings_.upstream_timeout_ms = static_cast<uint32_t>(std::stoul(w.at(1)));
  } else if (name == "cache") {
    settings_.cache_entries = static_cast<uint32_t>(std::stoul(w.at(1)));
  } else if (name == "max-in-flight") {
    settings_.max_in_flight = static_cast<uint32_t>(std::stoul(w.at(1)));
  } else {
    fail("no such option: " + name);
  }
}

bool Scenario::option_of_limits(const Words& w) {
  static const std::map<std::string, uint32_t dns64::EngineSettings::*> kLimits = {
      {"client-in-flight", &dns64::EngineSettings::client_in_flight},
      {"zone-in-flight", &dns64::EngineSettings::zone_in_flight},
      {"rate", &dns64::EngineSettings::rate_limit},
      {"stale", &dns64::EngineSettings::serve_stale}};
  const auto found = kLimits.find(w.at(0));
  if (found == kLimits.end()) return false;
  settings_.*found->second = static_cast<uint32_t>(std::stoul(w.at(1)));
  return true;
}

bool Scenario::option_of_names(const Words& w) {
  const std::string& name = w.at(0);
  if (name != "names" && name != "forward" && name != "hosts" && name != "master") return false;
  const auto check = [](const Status& status) {
    if (!status) fail(status.error().text);
  };
  if (name == "names") {
    auto rules =
        names_ ? std::make_shared<dns64::NameRules>(*names_) : std::make_shared<dns64::NameRules>();
    const auto action = w.at(1) == "exclude" ? dns64::NameAction::kExclude
                        : w[1] == "force"    ? dns64::NameAction::kForce
                                             : dns64::NameAction::kBlock;
    for (std::size_t i = 2; i < w.size(); ++i) check(rules->add(w[i], action));
    settings_.names = names_ = rules;
    return true;
  }
  const dns64::Name zone = *dns64::Name::from_text(w.at(1));
  if (name == "forward") {
    const auto first = static_cast<unsigned>(std::stoul(w.at(2)));
    settings_.forwards.push_back({zone, {first, static_cast<unsigned>(std::stoul(w.at(3)))}});
    return true;
  }
  std::string line;
  for (std::size_t i = 2; i < w.size(); ++i) line += w[i] + ' ';
  auto zones =
      zones_ ? std::make_shared<dns64::LocalZones>(*zones_) : std::make_shared<dns64::LocalZones>();
  check(name == "hosts" ? zones->add_hosts(zone, "hosts", line)
                        : zones->add_master(zone, "master", line + '\n'));
  settings_.zones = zones_ = zones;
  return true;
}

void Scenario::option_clients(const Words& w) {
  dns64::ClientRule rule;
  if (const auto v4 = net::parse_ip4_prefix(w.at(1))) {
    rule.clients.address = client_address(net::to_string(v4->address));
    rule.clients.length = static_cast<uint8_t>(96 + v4->length);
  } else {
    rule.clients = net::parse_ip6_prefix(w[1]).value();
  }
  rule.policy = settings_.policy;
  bool first = true;
  for (std::size_t i = 2; i < w.size(); ++i) {
    if (w[i] == "refuse") rule.refuse = true;
    if (w[i] == "always") rule.policy.synthesis = dns64::Synthesis::kAlways;
    if (w[i] == "never") rule.policy.synthesis = dns64::Synthesis::kNever;
    if (w[i] != "prefix") continue;
    if (std::exchange(first, false)) rule.policy.rules.clear();
    const auto prefix = net::Prefix6052::make(net::parse_ip6_prefix(w.at(++i)).value()).value();
    rule.policy.rules.push_back({net::Ip4Prefix{}, prefix});
  }
  settings_.clients.push_back(rule);
}

}  // namespace isthmus::test
