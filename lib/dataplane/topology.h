// SPDX-License-Identifier: BSD-3-Clause
// Addresses, routes and neighbors as the control core tells them, compiled into what workers look
// up.
//
// Theory of operation. Control core only. Here is the authoritative state, in plain maps; every
// setter works out which entries of the forwarding copy change and hands these to LeftRight.
//   * A route via a gateway points at the adjacency of (gateway, interface); it stays the same when
//     the gateway's link address becomes known or changes: only the adjacency is rewritten.
//   * A route without gateway points at the interface's "on-link" adjacency, for which workers ask
//     the control core to find the neighbor. A known neighbor on the link gets a host route of its
//     own; but only where the route that covers it is that link's, and nobody routed the host
//     elsewhere.
// Changes for which LeftRight has no room now (a worker is late) are kept and retried.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "dataplane/adjacency_index.h"
#include "dataplane/interface.h"
#include "dataplane/left_right.h"

namespace isthmus::dataplane {

struct TopologySize {
  FibSize fib;
  unsigned readers = 1;
  int socket = -1;
};

class Topology {
 public:
  static Result<std::unique_ptr<Topology>> make(std::vector<LinkInterface> interfaces,
                                                const TopologySize& size);

  void set_local_address(const Address& address, InterfaceId interface, bool present);
  void set_dns_addresses(std::vector<Address> addresses);
  void set_edge(std::shared_ptr<const Edge> edge);
  Status set_route(const Prefix& prefix, const std::optional<NextHop>& next_hop);
  void set_neighbor(const Address& address, InterfaceId interface, std::optional<net::Mac> mac);
  void publish();

  std::vector<RouteInfo> routes() const;
  std::vector<NeighborInfo> neighbors() const;
  LeftRight& copies() { return *copies_; }

 private:
  /// Ordered so that all neighbors and routes inside a prefix stand together.
  struct PrefixKey {
    Address address;
    uint8_t length;
    friend bool operator<(const PrefixKey& a, const PrefixKey& b) {
      return std::tie(a.address, a.length) < std::tie(b.address, b.length);
    }
  };
  struct RouteEntry {
    NextHop next_hop;
    AdjacencyIndex index;
  };
  using NeighborKey = std::pair<Address, InterfaceId>;

  Topology() = default;
  static PrefixKey key_of(const Prefix& prefix);
  static Prefix prefix_of(const PrefixKey& key);
  static AdjacencyKey adjacency_key(const NextHop& next_hop);

  std::optional<AdjacencyIndex> take_adjacency(const AdjacencyKey& key);
  Adjacency adjacency_for(const AdjacencyKey& key) const;
  Status add_route(const PrefixKey& key, const NextHop& next_hop);
  void remove_route(const PrefixKey& key);
  const RouteEntry* covering_route(const Address& address) const;
  void refresh_hosts(const PrefixKey& inside);
  void refresh_host(const Address& address);
  void refresh_locals();
  LeftRight::Changed make_change(Change change);
  void retry();

  std::vector<LinkInterface> interfaces_;
  std::unique_ptr<LeftRight> copies_;
  AdjacencyNumbers numbers_;
  std::map<PrefixKey, RouteEntry> routes_;
  std::map<NeighborKey, std::optional<net::Mac>> neighbors_;
  std::map<Address, AdjacencyKey> hosts_;  ///< neighbors that have a host route
  std::vector<NeighborKey> locals_;
  std::vector<Address> dns_;
  bool locals_changed_ = false;
  std::deque<Change> late_;
};

}  // namespace isthmus::dataplane
