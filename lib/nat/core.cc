// SPDX-License-Identifier: BSD-3-Clause
// Construction and settings.
#include "nat/core.h"

#include <algorithm>

namespace isthmus::nat {

Core::Core(const Settings& settings, const steer::Ownership& ownership, unsigned worker,
           telemetry::Counters& counters)
    : classifier(settings),
      events(counters),
      pools(events, counters),
      tables(settings, pools, events, counters),
      ownership_(ownership),
      counters_(counters),
      settings_(settings),
      instances_(settings.instances.size()),
      stateless_plain_(settings.stateless.size()),
      random_(settings.random_seed * 0x9e3779b97f4a7c15 + worker),
      errors_(settings.hash_key) {
  ids_.next = static_cast<uint32_t>(random_.next());
  ids_.key = settings.hash_key;
  // Workers that own addresses whole never speak for one that another speaks for, too.
  const bool shared = ownership.mode4() == steer::Mode4::kByPortBlock;
  ids_.divide(shared ? worker : 0, shared ? ownership.workers() : 1);
}

Status Core::init(unsigned worker) {
  if (instances_.size() > kMaxInstances) {
    return Error{"more than " + std::to_string(kMaxInstances) + " stateful instances"};
  }
  for (const auto& instance : settings_.instances) {
    if (instance.prefixes.empty() || instance.pools.empty()) {
      // RFC 6146 3: at least one prefix and one pool.
      return Error{"instance " + instance.name + " needs at least one prefix and one pool"};
    }
  }
  auto set = PoolSet::make(settings_, ownership_, worker, nullptr);
  if (!set) return set.error();
  const std::size_t bytes = need(settings_);
  const bool ok =
      arena.map(bytes, settings_.reserved_pages) && events.init(arena, settings_.event_ring) &&
      tables.init(arena, settings_) && pools.init(arena, settings_, std::move(*set)) &&
      held_.init(arena, settings_.max_held_syns, settings_.hash_key, instances_.size()) &&
      fragments_.init(arena, settings_.max_fragments, settings_.hash_key, instances_.size());
  if (!ok) {
    return Error{"no memory for the tables of a worker (" + std::to_string(bytes >> 20) +
                 " MiB); lower the limits for sessions and bindings"};
  }
  update(settings_);
  return Ok{};
}

std::size_t Core::need(const Settings& settings) {
  return Tables::need(settings) + Pools::need(settings) + HeldSyns::need(settings.max_held_syns) +
         FragmentStore::need(settings.max_fragments) + EventRing::need(settings.event_ring);
}

void Core::touch() {
  arena.touch();
  tables.touch_permits();
  pools.touch();
}

void Core::add_memory(MemoryInfo& info) const {
  tables.add_memory(info);
  pools.add_memory(info);
  info.add({"held SYNs", HeldSyns::need(held_.capacity()), held_.capacity(), held_.count()});
  info.add({"fragments", FragmentStore::need(fragments_.slots()), fragments_.slots(),
            fragments_.slots_used()});
  const EventRing& ring = events.ring();
  info.add({"events", EventRing::need(ring.capacity()), ring.capacity(), ring.waiting()});
}

PlainSiit PlainSiit::of(const xlat::Siit& siit, const Access* access) {
  PlainSiit out;
  out.policy = xlat::PlainPolicy::of(siit.policy);
  const auto& prefix = siit.prefix.prefix();
  out.by_prefix = siit.eam == nullptr && access == nullptr && prefix.length == 96 &&
                  !net::is_illegal_source(prefix.address);
  out.high = prefix.address.raw_high();
  out.low = static_cast<uint32_t>(prefix.address.raw_low());
  out.addresses = &siit.addresses;
  // Both IPv4 addresses are a part of both sums.
  out.delta = net::ChecksumDelta::between(2 * net::sum_of(prefix.address), 0);
  return out;
}

void Core::update(const Settings& settings) {
  const std::size_t count = std::min(instances_.size(), settings.instances.size());
  for (std::size_t i = 0; i < count; ++i) {
    const auto& from = settings.instances[i];
    auto& to = instances_[i];
    to.filtering = from.filtering;
    if (to.filtering == Filtering::kAddressDependent) (void)tables.start_permits();
    to.policy = from.policy;
    plain_policies_[i] = xlat::PlainPolicy::of(from.policy);
    to.allow_non_global = from.allow_non_global;
    to.access = from.access;
    to.tcp = {from.rst_closes_half_closed, from.syn_reopens_closed};
    to.held_syn_ms = from.timers.tcp_incoming_syn * 1000;
    fragments_.set_lifetime(i, from.timers.fragment * 1000);
    to.has_short_ports = !from.timers.udp_short_ports.empty();
    to.short_ports.fill(0);
    for (const uint16_t port : from.timers.udp_short_ports) {
      if (port < kWellKnownPorts) to.short_ports[port / 64] |= uint64_t{1} << port % 64;
    }
    const auto& inbound = from.inbound_refresh;
    const auto set = [&](TimerClass timer, uint32_t seconds, bool refreshes) {
      lifetime_[timer_slot(static_cast<uint8_t>(i), timer)] = {seconds * 1000,
                                                               refreshes ? ~uint32_t{0} : 0};
    };
    set(TimerClass::kUdp, from.timers.udp, inbound.udp);
    set(TimerClass::kUdpShort, from.timers.udp_short, inbound.udp);
    set(TimerClass::kIcmp, from.timers.icmp, inbound.icmp);
    set(TimerClass::kPortless, from.timers.portless, inbound.portless);
    settings_.instances[i].portless = from.portless;  // the classifier is told below
    set(TimerClass::kTcpEstablished, from.timers.tcp_established, inbound.tcp);
    set(TimerClass::kTcpOpening, from.timers.tcp_opening, inbound.tcp);
    set(TimerClass::kTcpClosing, from.timers.tcp_closing, inbound.tcp);
  }
  events.want(settings.events);
  fragments_.set_share(settings.fragment_share);
  errors_.set(settings.icmp_errors_per_second, settings.icmp_errors_per_source);
  settings_.addresses = settings.addresses;
  settings_.stateless_access = settings.stateless_access;
  settings_.subscriber_sessions = settings.subscriber_sessions;
  settings_.subscriber_bindings = settings.subscriber_bindings;
  settings_.subscriber_tcp_bindings = settings.subscriber_tcp_bindings;
  settings_.subscriber_udp_bindings = settings.subscriber_udp_bindings;
  settings_.subscriber_icmp_bindings = settings.subscriber_icmp_bindings;
  settings_.subscriber_sessions_per_second = settings.subscriber_sessions_per_second;
  has_mappings_ = false;
  const std::size_t stateless = std::min(settings_.stateless.size(), settings.stateless.size());
  for (std::size_t i = 0; i < stateless; ++i) {
    auto& to = settings_.stateless[i];
    const auto prefix = to.prefix;  // they are what classes are made of
    auto inside4 = std::move(to.inside4);
    to = settings.stateless[i];
    to.prefix = prefix;
    to.inside4 = std::move(inside4);
    has_mappings_ |= to.eam != nullptr;
    const auto& access = settings_.stateless_access;
    stateless_plain_[i] = PlainSiit::of(to, access.empty() ? nullptr : access[i].get());
  }
  classifier.update(settings_);
}

}  // namespace isthmus::nat
