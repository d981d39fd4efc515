// SPDX-License-Identifier: BSD-3-Clause
// Contradictions between options of an instance's policy and its access lists; and of what passes
// through.
#include <set>

#include "conf/check.h"

namespace isthmus::conf {
namespace {

Checked check_class(const NumberOr<ClassWord>& rule, const std::string& path) {
  constexpr uint16_t kEcn = 3;
  if (!rule.number || (*rule.number & kEcn) == 0) return std::nullopt;
  return Problem{path, 0, std::to_string(*rule.number),
                 "a multiple of 4, since keep_ecn leaves the lowest two bits to the packet; or "
                 "keep_ecn = false"};
}

template <class Prefix>
Checked check_lists(const std::vector<Prefix>& allow, const std::vector<Prefix>& deny,
                    const std::string& path, std::string_view name) {
  std::set<std::string> allowed;
  for (const auto& prefix : allow) allowed.insert(net::to_string(prefix));
  for (std::size_t i = 0; i < deny.size(); ++i) {
    const auto text = net::to_string(deny[i]);
    if (!allowed.contains(text)) continue;
    return Problem{fmt::format("{}.{}_deny[{}]", path, name, i), 0, quote(text),
                   fmt::format("a prefix that {}_allow does not have", name)};
  }
  return std::nullopt;
}

Checked check_access(const Access& a, const std::string& path) {
  if (auto problem =
          check_lists(a.outbound_inside_allow, a.outbound_inside_deny, path, "outbound_inside")) {
    return problem;
  }
  if (auto problem =
          check_lists(a.outbound_remote_allow, a.outbound_remote_deny, path, "outbound_remote")) {
    return problem;
  }
  if (auto problem =
          check_lists(a.inbound_inside_allow, a.inbound_inside_deny, path, "inbound_inside")) {
    return problem;
  }
  return check_lists(a.inbound_remote_allow, a.inbound_remote_deny, path, "inbound_remote");
}

Checked check_policy(const TranslationPolicy& policy, const std::string& path) {
  if (!policy.keep_ecn) return std::nullopt;
  if (auto problem = check_class(policy.traffic_class_4to6, path + ".traffic_class_4to6")) {
    return problem;
  }
  return check_class(policy.traffic_class_6to4, path + ".traffic_class_6to4");
}

// One that passes whole leaves nothing of a translation prefix.
Checked check_exceptions(const Config& config) {
  for (std::size_t i = 0; i < config.forwarding.pass_through.size(); ++i) {
    const auto* pass = std::get_if<net::Ip6Prefix>(&config.forwarding.pass_through[i]);
    if (pass == nullptr) continue;
    const auto check = [&](const net::Prefix6052& prefix, const std::string& name) -> Checked {
      if (prefix.prefix() != *pass) return std::nullopt;
      return Problem{fmt::format("forwarding.pass_through[{}]", i), 0, quote(net::to_string(*pass)),
                     fmt::format("a longer prefix, as an exception: {} translates this one", name)};
    };
    for (const auto& nat64 : config.nat64) {
      for (const auto& prefix : nat64.prefixes) {
        if (auto problem = check(prefix, nat64.name)) return problem;
      }
    }
    for (const auto& siit : config.siit) {
      if (auto problem = check(siit.prefix, siit.name)) return problem;
    }
  }
  return std::nullopt;
}

// A prefix within a pool would take nothing: pool addresses are translated.
Checked check_pass_through(const Config& config) {
  for (std::size_t i = 0; i < config.forwarding.pass_through.size(); ++i) {
    const auto* pass = std::get_if<net::Ip4Prefix>(&config.forwarding.pass_through[i]);
    if (pass == nullptr) continue;
    for (const auto& nat64 : config.nat64) {
      for (const auto& pool : nat64.pools) {
        for (const auto& range : pool.ranges) {
          const auto last = net::Ip4::from_host(pass->address.host() | ~pass->mask());
          if (pass->address < range.first || range.last < last) continue;
          return Problem{fmt::format("forwarding.pass_through[{}]", i), 0,
                         quote(net::to_string(*pass)),
                         fmt::format("a prefix that does not lie within pool {} of {}", pool.name,
                                     nat64.name)};
        }
      }
    }
  }
  return std::nullopt;
}

}  // namespace

Checked check_policies(const Config& config, const Lines&) {
  const auto check = [](const auto& instances, std::string_view name) -> Checked {
    for (std::size_t i = 0; i < instances.size(); ++i) {
      const auto path = fmt::format("{}[{}]", name, i);
      if (auto problem = check_policy(instances[i].policy, path + ".policy")) return problem;
      if (auto problem = check_access(instances[i].access, path + ".access")) return problem;
    }
    return std::nullopt;
  };
  if (auto problem = check_exceptions(config)) return problem;
  if (auto problem = check_pass_through(config)) return problem;
  if (auto problem = check(config.nat64, "nat64")) return problem;
  return check(config.siit, "siit");
}

}  // namespace isthmus::conf
