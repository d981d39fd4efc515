// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/topology.h"

#include <fmt/format.h>

#include <algorithm>

#include "net/address_tests.h"

namespace isthmus::dataplane {
namespace {

uint8_t full_length(const Address& address) {
  return std::holds_alternative<net::Ip4>(address) ? 32 : 128;
}

bool is_link_local(const Address& address) {
  const auto* ip6 = std::get_if<net::Ip6>(&address);
  return ip6 != nullptr && net::is_link_local(*ip6);
}

Address masked(const Address& address, uint8_t length) {
  if (const auto* ip4 = std::get_if<net::Ip4>(&address)) {
    return net::Ip4::from_host(ip4->host() & net::Ip4Prefix{*ip4, length}.mask());
  }
  return net::prefix_of(std::get<net::Ip6>(address), length).address;
}

std::string text_of(const Prefix& prefix) {
  return std::visit([](const auto& p) { return net::to_string(p); }, prefix);
}

}  // namespace

Result<std::unique_ptr<Topology>> Topology::make(std::vector<LinkInterface> interfaces,
                                                 const TopologySize& size) {
  std::unique_ptr<Topology> topology(new Topology);
  auto copies = LeftRight::make(size.fib, size.readers, interfaces.size(), size.socket);
  if (!copies) return copies.error();
  topology->copies_ = std::move(*copies);
  topology->interfaces_ = std::move(interfaces);
  return topology;
}

Topology::PrefixKey Topology::key_of(const Prefix& prefix) {
  return std::visit([](const auto& p) { return PrefixKey{p.address, p.length}; }, prefix);
}

Prefix Topology::prefix_of(const PrefixKey& key) {
  if (const auto* ip4 = std::get_if<net::Ip4>(&key.address)) {
    return net::Ip4Prefix{*ip4, key.length};
  }
  return net::Ip6Prefix{std::get<net::Ip6>(key.address), key.length};
}

AdjacencyKey Topology::adjacency_key(const NextHop& next_hop) {
  return AdjacencyKey{next_hop.interface, next_hop.via};
}

LeftRight::Changed Topology::make_change(Change change) {
  retry();
  auto done = LeftRight::Changed::kReadersBusy;
  if (late_.empty()) done = copies_->change(change);
  if (done == LeftRight::Changed::kReadersBusy) late_.push_back(std::move(change));
  return done;
}

void Topology::retry() {
  while (!late_.empty() && copies_->change(late_.front()) != LeftRight::Changed::kReadersBusy) {
    late_.pop_front();
  }
}

// --- adjacencies --------------------------------------------------------------------------------

Adjacency Topology::adjacency_for(const AdjacencyKey& key) const {
  if (key.interface == kNoInterface) return {};
  const auto& interface = interfaces_[key.interface];
  if (!key.address) {
    return make_adjacency(interface, key.interface, Adjacency::kOnLink, nullptr);
  }
  const auto neighbor = neighbors_.find({*key.address, key.interface});
  if (neighbor == neighbors_.end() || !neighbor->second) {
    return make_adjacency(interface, key.interface, Adjacency::kUnresolved, nullptr);
  }
  return make_adjacency(interface, key.interface, Adjacency::kResolved, &*neighbor->second);
}

std::optional<AdjacencyIndex> Topology::take_adjacency(const AdjacencyKey& key) {
  const auto taken = numbers_.take(key);
  if (!taken) return std::nullopt;
  if (taken->is_new) {
    make_change(SetAdjacency{taken->index, adjacency_for(key), key.address.value_or(Address{})});
  }
  return taken->index;
}

// --- routes -------------------------------------------------------------------------------------

Status Topology::set_route(const Prefix& prefix, const std::optional<NextHop>& next_hop) {
  const PrefixKey key = key_of(prefix);
  if (!next_hop) {
    remove_route(key);
    return Ok{};
  }
  if (next_hop->discard) return add_route(key, {kNoInterface, {}, true});
  if (next_hop->interface >= interfaces_.size()) {
    return Error{fmt::format("route {}: no such interface", text_of(prefix))};
  }
  return add_route(key, *next_hop);
}

Status Topology::add_route(const PrefixKey& key, const NextHop& next_hop) {
  const auto old = routes_.find(key);
  const auto index = take_adjacency(adjacency_key(next_hop));
  if (!index) {
    return Error{
        fmt::format("route {}: more than {} next hops", text_of(prefix_of(key)), kMaxAdjacencies)};
  }
  if (make_change(SetFibEntry{prefix_of(key), *index}) == LeftRight::Changed::kFull) {
    numbers_.release(adjacency_key(next_hop));
    return Error{
        fmt::format("route {}: forwarding table is full; memory.megabytes decides its size",
                    text_of(prefix_of(key)))};
  }
  if (old != routes_.end()) {
    numbers_.release(adjacency_key(old->second.next_hop));
    old->second = {next_hop, *index};
  } else {
    routes_.emplace(key, RouteEntry{next_hop, *index});
  }
  refresh_hosts(key);
  return Ok{};
}

void Topology::remove_route(const PrefixKey& key) {
  const auto old = routes_.find(key);
  if (old == routes_.end()) return;
  make_change(SetFibEntry{prefix_of(key), std::nullopt});
  numbers_.release(adjacency_key(old->second.next_hop));
  routes_.erase(old);
  refresh_hosts(key);
}

const Topology::RouteEntry* Topology::covering_route(const Address& address) const {
  for (int length = full_length(address); length >= 0; --length) {
    const auto bits = static_cast<uint8_t>(length);
    const auto at = routes_.find(PrefixKey{masked(address, bits), bits});
    if (at != routes_.end()) return &at->second;
  }
  return nullptr;
}

// --- neighbors ----------------------------------------------------------------------------------

void Topology::set_neighbor(const Address& address, InterfaceId interface,
                            std::optional<net::Mac> mac) {
  if (interface >= interfaces_.size()) return;
  const NeighborKey key{address, interface};
  const auto old = neighbors_.find(key);
  if (old != neighbors_.end() ? old->second == mac : !mac) return;
  if (mac) {
    neighbors_[key] = mac;
  } else {
    neighbors_.erase(old);
  }
  const AdjacencyKey adjacency{interface, address};
  if (const auto index = numbers_.find(adjacency)) {
    make_change(SetAdjacency{*index, adjacency_for(adjacency), address});
  }
  refresh_host(address);
}

void Topology::refresh_hosts(const PrefixKey& inside) {
  // Collected first: refresh_host() may not change neighbors_, but the loop should not rely on it.
  std::vector<Address> affected;
  for (auto at = neighbors_.lower_bound({inside.address, 0}); at != neighbors_.end(); ++at) {
    const Address& address = at->first.first;
    if (address.index() != inside.address.index() ||
        masked(address, inside.length) != inside.address) {
      break;
    }
    if (affected.empty() || affected.back() != address) affected.push_back(address);
  }
  for (const auto& address : affected) refresh_host(address);
}

void Topology::refresh_host(const Address& address) {
  const PrefixKey host{address, full_length(address)};
  std::optional<AdjacencyKey> wanted;
  // Link-local addresses repeat from link to link: they serve as gateways, never as destinations.
  if (!is_link_local(address) && routes_.find(host) == routes_.end()) {
    const auto* route = covering_route(address);
    if (route != nullptr && !route->next_hop.via &&
        neighbors_.count({address, route->next_hop.interface}) != 0) {
      wanted = AdjacencyKey{route->next_hop.interface, address};
    }
  }
  const auto installed = hosts_.find(address);
  if (wanted) {
    if (installed != hosts_.end() && installed->second.interface == wanted->interface) return;
    const auto index = take_adjacency(*wanted);
    // Without room the packets go on being punted, which is slow but right.
    if (!index) return;
    if (make_change(SetFibEntry{prefix_of(host), *index}) == LeftRight::Changed::kFull) {
      numbers_.release(*wanted);
      return;
    }
    if (installed != hosts_.end()) numbers_.release(installed->second);
    hosts_.insert_or_assign(address, *wanted);
  } else if (installed != hosts_.end()) {
    // An explicit host route has taken the entry's place already.
    if (routes_.find(host) == routes_.end()) {
      make_change(SetFibEntry{prefix_of(host), std::nullopt});
    }
    numbers_.release(installed->second);
    hosts_.erase(installed);
  }
}

// --- local addresses ----------------------------------------------------------------------------

void Topology::set_local_address(const Address& address, InterfaceId interface, bool present) {
  if (interface >= interfaces_.size()) return;
  const NeighborKey key{address, interface};
  const auto at = std::find(locals_.begin(), locals_.end(), key);
  if (present == (at != locals_.end())) return;
  if (present) {
    locals_.push_back(key);
  } else {
    locals_.erase(at);
  }
  locals_changed_ = true;
}

void Topology::set_dns_addresses(std::vector<Address> addresses) {
  if (addresses == dns_) return;
  dns_ = std::move(addresses);
  locals_changed_ = true;
}

void Topology::set_edge(std::shared_ptr<const Edge> edge) {
  make_change(SetEdge{std::move(edge)});
}

void Topology::refresh_locals() {
  auto locals = std::make_shared<LocalAddresses>(interfaces_.size());
  std::set<Address> seen;
  for (const auto& address : dns_) {
    if (!seen.insert(address).second) continue;
    std::visit([&](const auto& a) { locals->add(a, Local::kDns); }, address);
  }
  const auto prefer = [](OwnAddresses& own, const Address& address) {
    if (const auto* ip4 = std::get_if<net::Ip4>(&address)) {
      if (own.ip4 == net::Ip4{}) own.ip4 = *ip4;
    } else if (own.ip6 == net::Ip6{} && !is_link_local(address)) {
      own.ip6 = std::get<net::Ip6>(address);
    }
  };
  for (const auto& [address, interface] : locals_) {
    if (seen.insert(address).second) {
      std::visit([&](const auto& a) { locals->add(a, Local::kYes); }, address);
    }
    prefer(locals->own[interface], address);
    prefer(locals->any, address);
  }
  // An interface without an address of a family speaks with another interface's (RFC 6724 5 rule 5
  // only prefers the outgoing one's; RFC 1812 4.3.2.4 likewise).
  for (auto& own : locals->own) {
    if (own.ip4 == net::Ip4{}) own.ip4 = locals->any.ip4;
    if (own.ip6 == net::Ip6{}) own.ip6 = locals->any.ip6;
  }
  make_change(SetLocals{std::move(locals)});
}

void Topology::publish() {
  retry();
  if (locals_changed_) refresh_locals();
  locals_changed_ = false;
  // Half of a set of changes must not show: all or nothing.
  if (late_.empty()) copies_->publish();
}

// --- questions ----------------------------------------------------------------------------------

std::vector<RouteInfo> Topology::routes() const {
  std::vector<RouteInfo> out;
  out.reserve(routes_.size());
  for (const auto& [key, entry] : routes_) out.push_back({prefix_of(key), entry.next_hop});
  return out;
}

std::vector<NeighborInfo> Topology::neighbors() const {
  std::vector<NeighborInfo> out;
  out.reserve(neighbors_.size());
  for (const auto& [key, mac] : neighbors_) out.push_back({key.first, key.second, mac});
  return out;
}

}  // namespace isthmus::dataplane
