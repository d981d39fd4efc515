// SPDX-License-Identifier: BSD-3-Clause
#include "control/netlink_state.h"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <string>

#include "control/log.h"
#include "net/address_tests.h"

namespace isthmus::control {
namespace {

bool is_link_local_prefix(const IpPrefix& prefix) {
  const auto* v6 = std::get_if<net::Ip6Prefix>(&prefix);
  return v6 != nullptr && v6->length >= 10 && net::is_link_local(v6->address);
}

bool is_multicast_prefix(const IpPrefix& prefix) {
  if (const auto* v4 = std::get_if<net::Ip4Prefix>(&prefix)) {
    return v4->length >= 4 && v4->address.host() >> 28 == 0xe;
  }
  const auto& v6 = std::get<net::Ip6Prefix>(prefix);
  return v6.length >= 8 && v6.address.bytes[0] == 0xff;
}

}  // namespace

NetlinkState::NetlinkState(dataplane::Dataplane& dataplane,
                           std::map<uint32_t, dataplane::InterfaceId> links, OnNeighbor on_neighbor,
                           OnLink on_link)
    : dataplane_(dataplane),
      links_(std::move(links)),
      on_neighbor_(std::move(on_neighbor)),
      on_link_(std::move(on_link)) {}

std::optional<dataplane::InterfaceId> NetlinkState::interface_of(uint32_t link) const {
  const auto it = links_.find(link);
  if (it == links_.end()) return std::nullopt;
  return it->second;
}

void NetlinkState::apply(const NetlinkEvent& event, bool dumped) {
  if (const auto* address = std::get_if<AddressEvent>(&event)) {
    apply_address(*address);
  } else if (const auto* route = std::get_if<RouteEvent>(&event)) {
    apply_route(*route, dumped);
  } else if (const auto* neighbor = std::get_if<NeighborEvent>(&event)) {
    apply_neighbor(*neighbor);
  } else if (const auto* link = std::get_if<LinkEvent>(&event)) {
    const bool ours = links_.contains(link->link);
    if (link->link == 0 || ours) wants_dump_ = true;
    if (ours) on_link_();
  }
}

void NetlinkState::apply_address(const AddressEvent& event) {
  const auto interface = interface_of(event.link);
  if (!interface) return;
  const Key key{*interface, event.address};
  if (event.present) {
    const bool is_new = addresses_.insert_or_assign(key, generation_).second;
    if (is_new) dataplane_.set_local_address(event.address, *interface, true);
  } else if (addresses_.erase(key) > 0) {
    dataplane_.set_local_address(event.address, *interface, false);
    wants_dump_ = true;  // routes that preferred this source go without a word
  }
}

void NetlinkState::apply_route(const RouteEvent& event, bool dumped) {
  if (event.table != RT_TABLE_MAIN && event.table != RT_TABLE_DEFAULT) return;
  // Never forwarded to: link-local and multicast destinations stay on their link.
  if (is_link_local_prefix(event.prefix) || is_multicast_prefix(event.prefix)) return;
  const Preference preference{event.table != RT_TABLE_MAIN, event.metric};
  if (!event.present) return remove_route(event, preference);
  if (event.append && !dumped) {
    wants_dump_ = true;
    return;
  }
  const bool concerns_us =
      std::any_of(event.hops.begin(), event.hops.end(), [&](const auto& h) { return is_ours(h); });
  const auto found = routes_.find(event.prefix);
  // A route elsewhere matters only where it takes the place of one of ours, and is kept otherwise
  // out of memory: a box may hold a full table for other purposes.
  if (!concerns_us) {
    if (found != routes_.end() && !dumped && found->second.candidates.erase(preference) > 0) {
      install(event.prefix, found->second);
    }
    return;
  }
  Prefix& entry = routes_[event.prefix];
  Candidate& candidate = entry.candidates[preference];
  // IPv4 allows several routes of one metric; the first the kernel lists is the one it uses.
  if (dumped && candidate.generation == generation_) return;
  candidate = {event.hops, generation_};
  install(event.prefix, entry);
}

void NetlinkState::remove_route(const RouteEvent& event, const Preference& preference) {
  const auto found = routes_.find(event.prefix);
  if (found == routes_.end()) return;
  const auto candidate = found->second.candidates.find(preference);
  if (candidate == found->second.candidates.end()) return;
  // Another route of this prefix and metric, or one hop of several, went: ask what is left.
  if (!event.hops.empty() && event.hops != candidate->second.hops) {
    wants_dump_ = true;
    return;
  }
  found->second.candidates.erase(candidate);
  install(event.prefix, found->second);
}

// A route to nowhere is obeyed whoever made it: operators and routing daemons keep traffic in with
// it that a shorter prefix would lead out.
bool NetlinkState::is_ours(const RouteHop& hop) const {
  return hop.link == kDiscard || links_.contains(hop.link);
}

const RouteHop* NetlinkState::best_hop(const Prefix& entry) const {
  for (const auto& [preference, candidate] : entry.candidates) {
    for (const RouteHop& hop : candidate.hops) {
      if (is_ours(hop)) return &hop;
    }
  }
  return nullptr;
}

void NetlinkState::install(const IpPrefix& prefix, Prefix& entry) {
  const RouteHop* hop = best_hop(entry);
  const bool unchanged =
      hop == nullptr ? !entry.installed : entry.installed && *entry.installed == *hop;
  if (!unchanged) {
    std::optional<dataplane::NextHop> next_hop;
    if (hop != nullptr) {
      next_hop = hop->link == kDiscard ? dataplane::NextHop{0, {}, true}
                                       : dataplane::NextHop{links_.at(hop->link), hop->via, false};
    }
    const Status status = dataplane_.set_route(prefix, next_hop);
    if (status) {
      entry.installed = hop == nullptr ? std::nullopt : std::optional(*hop);
    } else {
      static LogLimiter limiter;
      limiter.log(LogLevel::kError, "route " + text_of(prefix) + ": " + status.error().text);
    }
  }
  if (entry.candidates.empty()) routes_.erase(prefix);
}

void NetlinkState::apply_neighbor(const NeighborEvent& event) {
  const auto interface = interface_of(event.link);
  if (!interface) return;
  const Key key{*interface, event.address};
  const auto it = neighbors_.find(key);
  const auto before = it == neighbors_.end() ? std::nullopt : it->second.mac;
  if (event.mac) {
    neighbors_[key] = {event.mac, generation_};
  } else if (it != neighbors_.end()) {
    neighbors_.erase(it);
  }
  if (before != event.mac) dataplane_.set_neighbor(event.address, *interface, event.mac);
  on_neighbor_(*interface, event.address, event.state, event.mac);
}

void NetlinkState::begin_dump() {
  ++generation_;
  wants_dump_ = false;
}

void NetlinkState::end_dump() {
  for (auto it = addresses_.begin(); it != addresses_.end();) {
    const auto [key, generation] = *it++;
    if (generation == generation_) continue;
    addresses_.erase(key);
    dataplane_.set_local_address(key.second, key.first, false);
  }
  for (auto it = routes_.begin(); it != routes_.end();) {
    const IpPrefix prefix = it->first;
    Prefix& entry = it->second;
    ++it;
    const auto stale = [&](const auto& c) { return c.second.generation != generation_; };
    if (std::erase_if(entry.candidates, stale) > 0) install(prefix, entry);
  }
  for (auto it = neighbors_.begin(); it != neighbors_.end();) {
    const auto [key, neighbor] = *it++;
    if (neighbor.generation == generation_) continue;
    neighbors_.erase(key);
    dataplane_.set_neighbor(key.second, key.first, std::nullopt);
    on_neighbor_(key.first, key.second, NeighborState::kGone, std::nullopt);
  }
}

}  // namespace isthmus::control
