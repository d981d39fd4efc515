// SPDX-License-Identifier: BSD-3-Clause
// From the configuration to what translators are told.
#include <algorithm>
#include <random>

#include "dataplane/dataplane.h"
#include "dataplane/static_binding.h"

namespace isthmus::dataplane {
namespace {

xlat::UdpZero udp_zero(conf::UdpZero policy) {
  switch (policy) {
    case conf::UdpZero::kDrop: return xlat::UdpZero::kDrop;
    case conf::UdpZero::kCompute: return xlat::UdpZero::kCompute;
    case conf::UdpZero::kForward: return xlat::UdpZero::kForward;
  }
  return xlat::UdpZero::kDrop;
}

xlat::ClassRule class_rule(const conf::NumberOr<conf::ClassWord>& from, bool keep_ecn) {
  if (!from.number) return {};
  return {keep_ecn ? xlat::kEcnBits : uint8_t{0}, static_cast<uint8_t>(*from.number)};
}

uint16_t mss_clamp(const conf::NumberOr<conf::MssWord>& from) {
  if (from.number) return *from.number;
  return from.word == conf::MssWord::kAuto ? xlat::kMssAuto : xlat::kMssOff;
}

xlat::Policy policy_of(const conf::TranslationPolicy& from) {
  xlat::Policy to;
  to.lowest_ipv6_mtu = from.lowest_ipv6_mtu;
  to.class_4to6 = class_rule(from.traffic_class_4to6, from.keep_ecn);
  to.class_6to4 = class_rule(from.traffic_class_6to4, from.keep_ecn);
  to.mss_clamp = mss_clamp(from.mss_clamp);
  to.udp_zero_4to6 = udp_zero(from.udp_zero_4to6);
  to.udp_zero_6to4 = udp_zero(from.udp_zero_6to4);
  to.udp_zero_ports = from.udp_zero_ports;
  std::sort(to.udp_zero_ports.begin(), to.udp_zero_ports.end());
  to.short_icmp4_errors = from.short_icmp4_errors;
  to.answer_refused = from.answer_refused;
  return to;
}

std::shared_ptr<const nat::Access> access_of(const conf::Access& from) {
  nat::Access to;
  to.ends[0] = {{from.outbound_inside_allow, from.outbound_inside_deny},
                {from.outbound_remote_allow, from.outbound_remote_deny}};
  to.ends[1] = {{from.inbound_inside_allow, from.inbound_inside_deny},
                {from.inbound_remote_allow, from.inbound_remote_deny}};
  if (to.empty()) return nullptr;
  return std::make_shared<const nat::Access>(std::move(to));
}

// Those of stateless instances; empty if none has any.
std::vector<std::shared_ptr<const nat::Access>> access_of(const std::vector<conf::Siit>& from) {
  std::vector<std::shared_ptr<const nat::Access>> to;
  for (const auto& siit : from) to.push_back(access_of(siit.access));
  const bool any = std::any_of(to.begin(), to.end(), [](const auto& a) { return a != nullptr; });
  return any ? to : std::vector<std::shared_ptr<const nat::Access>>{};
}

nat::Timers timers_of(const conf::Timers& from) {
  nat::Timers to;
  to.udp = from.udp;
  to.tcp_established = from.tcp_established;
  to.tcp_opening = from.tcp_opening;
  to.tcp_closing = from.tcp_closing;
  to.tcp_incoming_syn = from.tcp_incoming_syn;
  to.icmp = from.icmp;
  to.fragment = from.fragment;
  to.udp_short = from.udp_short;
  to.udp_short_ports = from.udp_short_ports;
  to.portless = from.portless;
  return to;
}

nat::Allocation allocation_of(conf::Allocation from) {
  switch (from) {
    case conf::Allocation::kDynamic: return nat::Allocation::kDynamic;
    case conf::Allocation::kBlocks: return nat::Allocation::kBlocks;
    case conf::Allocation::kDeterministic: return nat::Allocation::kDeterministic;
  }
  return nat::Allocation::kDynamic;
}

// Rounded up: all shares together are never less than what was asked for.
uint32_t share(uint32_t total, std::size_t workers) {
  return static_cast<uint32_t>((total + workers - 1) / workers);
}

nat::Pool pool_of(const conf::Pool& from, std::size_t workers) {
  nat::Pool to;
  to.name = from.name;
  to.ports = {from.first_port, from.last_port};
  for (const auto& range : from.ranges) to.ranges.push_back({range.first, range.last});
  to.drain = from.drain;
  to.allocation = allocation_of(from.allocation);
  to.block_size = from.block_size;
  to.blocks_per_subscriber = from.blocks_per_subscriber;
  to.block_release_delay = from.block_release_delay;
  to.inside = from.inside;
  to.overflow = from.overflow;
  to.hold_down = from.hold_down;
  to.hold_down_ports = share(from.hold_down_ports, workers);
  to.soft_pairing = from.pairing == conf::Pairing::kSoft;
  to.preserve_class = from.preserve_port_class;
  to.preserve_parity = from.preserve_parity;
  return to;
}

nat::Instance instance_of(const conf::Nat64& from, std::size_t workers) {
  nat::Instance to;
  to.name = from.name;
  to.prefixes = from.prefixes;
  to.sources = from.sources;
  for (const auto& pool : from.pools) to.pools.push_back(pool_of(pool, workers));
  to.timers = timers_of(from.timers);
  to.inbound_refresh = {from.inbound_refresh.udp, from.inbound_refresh.tcp,
                        from.inbound_refresh.icmp, from.inbound_refresh.portless};
  for (const auto& protocol : from.portless) to.portless.set(protocol.number);
  to.rst_closes_half_closed = from.tcp.rst_closes_half_closed;
  to.syn_reopens_closed = from.tcp.syn_reopens_closed;
  to.filtering = from.filtering == conf::Filtering::kAddressDependent
                     ? nat::Filtering::kAddressDependent
                     : nat::Filtering::kEndpointIndependent;
  to.policy = policy_of(from.policy);
  to.allow_non_global = from.policy.allow_non_global;
  for (const auto& binding : from.statics) to.statics.push_back(make_static(0, binding));
  to.access = access_of(from.access);
  return to;
}

xlat::Hairpinning hairpinning(conf::Hairpinning mode) {
  switch (mode) {
    case conf::Hairpinning::kOff: return xlat::Hairpinning::kOff;
    case conf::Hairpinning::kSimple: return xlat::Hairpinning::kSimple;
    case conf::Hairpinning::kIntrinsic: return xlat::Hairpinning::kIntrinsic;
  }
  return xlat::Hairpinning::kIntrinsic;
}

// A range as the fewest prefixes that make it up.
void add_prefixes(const conf::AddressRange& range, std::vector<net::Ip4Prefix>& out) {
  const uint64_t end = uint64_t{range.last.host()} + 1;
  for (uint64_t at = range.first.host(); at < end;) {
    net::Ip4Prefix prefix{net::Ip4::from_host(static_cast<uint32_t>(at)), 32};
    while (prefix.length > 0) {
      const net::Ip4Prefix wider{prefix.address, static_cast<uint8_t>(prefix.length - 1)};
      if (!wider.contains(prefix.address) || at + wider.size() > end) break;
      prefix = wider;
    }
    out.push_back(prefix);
    at += prefix.size();
  }
}

xlat::Siit siit_of(const conf::Siit& from) {
  xlat::Siit to;
  if (!from.mappings.empty()) to.eam = xlat::EamTable::make(from.mappings);
  to.hairpinning = hairpinning(from.hairpinning);
  for (const auto& range : from.icmp_source_pool) add_prefixes(range, to.icmp_sources);
  to.icmp_extension = from.icmp_source_extension;
  to.prefix = from.prefix;
  to.inside4 = from.inside4;
  to.policy = policy_of(from.policy);
  to.allow_non_global = from.policy.allow_non_global;
  return to;
}

// RFC 8158's quotas and exhaustion are refusals here, which are rationed before they are told.
nat::EventMask exported_events(conf::EventFamily family) {
  switch (family) {
    case conf::EventFamily::kSessions: return nat::kSessionEvents;
    case conf::EventFamily::kBindings: return nat::kBindingEvents;
    case conf::EventFamily::kPortBlocks: return nat::kPortBlockEvents;
    case conf::EventFamily::kStatics: return nat::kStaticEvents;
    case conf::EventFamily::kExhaustion:
    case conf::EventFamily::kQuotas: return nat::kRefusalEvents;
  }
  return 0;
}

nat::EventMask events_of(const conf::Config& config) {
  const conf::Events& from = config.events;
  nat::EventMask mask = 0;
  for (const auto family : conf::exported_families(config)) mask |= exported_events(family);
  if (from.sessions) mask |= nat::kSessionEvents;
  if (from.bindings) mask |= nat::kBindingEvents;
  if (from.port_blocks) mask |= nat::kPortBlockEvents;
  if (from.statics) mask |= nat::kStaticEvents;
  if (from.refusals) mask |= nat::kRefusalEvents;
  return mask;
}

constexpr uint32_t kManyEvents = 65536;

// Whether any instance's translation prefix has addresses that a mapping holds, too.
bool is_in_prefix(const xlat::EamTable& table, const nat::Settings& settings) {
  for (const auto& instance : settings.instances) {
    for (const auto& prefix : instance.prefixes) {
      if (table.overlaps(prefix.prefix())) return true;
    }
  }
  return std::any_of(settings.stateless.begin(), settings.stateless.end(),
                     [&](const xlat::Siit& siit) { return table.overlaps(siit.prefix.prefix()); });
}

}  // namespace

std::vector<nat::StaticBinding> static_bindings(const nat::Settings& settings) {
  std::vector<nat::StaticBinding> all;
  for (std::size_t i = 0; i < settings.instances.size(); ++i) {
    for (auto binding : settings.instances[i].statics) {
      binding.instance = static_cast<uint8_t>(i);
      all.push_back(binding);
    }
  }
  return all;
}

nat::Settings make_settings(const conf::Config& config, uint64_t seed) {
  nat::Settings settings;
  // Engine::make() refuses a configuration without workers; here it must only not divide by zero.
  const std::size_t workers = std::max<std::size_t>(1, config.cores.workers.size());
  for (const auto& nat64 : config.nat64) {
    settings.instances.push_back(instance_of(nat64, workers));
  }
  settings.addresses = {config.addresses.global, config.addresses.forbidden};
  for (const auto& siit : config.siit) settings.stateless.push_back(siit_of(siit));
  settings.stateless_access = access_of(config.siit);
  for (auto& siit : settings.stateless) {
    siit.addresses = settings.addresses;
    siit.eam_in_prefix = siit.eam != nullptr && is_in_prefix(*siit.eam, settings);
  }
  settings.max_sessions = share(config.limits.sessions, workers);
  settings.max_bindings = share(config.limits.bindings, workers);
  settings.max_subscribers = share(config.limits.subscribers, workers);
  settings.subscriber_sessions = config.limits.subscriber_sessions;
  settings.subscriber_bindings = config.limits.subscriber_bindings;
  settings.subscriber_tcp_bindings = config.limits.subscriber_tcp_bindings;
  settings.subscriber_udp_bindings = config.limits.subscriber_udp_bindings;
  settings.subscriber_icmp_bindings = config.limits.subscriber_icmp_bindings;
  settings.subscriber_sessions_per_second = config.limits.subscriber_sessions_per_second;
  settings.subscriber_prefix_length = config.limits.subscriber_prefix;
  settings.max_fragments = share(config.limits.fragments, workers);
  settings.fragment_share = config.limits.fragment_share;
  settings.icmp_errors_per_second = share(config.limits.icmp_errors_per_second, workers);
  settings.events = events_of(config);
  // Sessions come by the million: what the control core takes in a turn must find room.
  if ((settings.events & (nat::kSessionEvents | nat::kBindingEvents)) != 0) {
    settings.event_ring = kManyEvents;
  }
  settings.icmp_errors_per_source = config.limits.icmp_errors_per_source;
  std::mt19937_64 random(seed);
  settings.hash_key = {random(), random() | 1, random()};
  settings.random_seed = random();
  return settings;
}

}  // namespace isthmus::dataplane
