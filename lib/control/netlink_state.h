// SPDX-License-Identifier: BSD-3-Clause
// From netlink events to the dataplane's forwarding state. No sockets here.
//
// Theory of operation. Only what concerns a twin is kept. The kernel has
// each (link, address) once. Of several routes to one prefix the kernel prefers table main, then
// the lowest metric; of several hops of one route we take the first alive (one next hop per prefix
// is what the FIB holds; spreading over hops needs next-hop groups there).
// Every entry carries the generation of the last full dump that named it. begin_dump() starts a
// new generation and end_dump() removes what the dump did not name. Events may arrive during a
// dump: they come through the same socket, hence in the order in which things happened.
// Where the kernel tells too little (IPv4 routes vanish silently with their link; one hop of a
// multipath route goes) wants_dump() asks for a new full picture.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "control/netlink_parse.h"
#include "dataplane/dataplane.h"

namespace isthmus::control {

class NetlinkState {
 public:
  using OnNeighbor = std::function<void(dataplane::InterfaceId, const IpAddress&, NeighborState,
                                        std::optional<net::Mac>)>;

  /// A twin's link changed: up, down, its MAC, its name.
  using OnLink = std::function<void()>;

  /// `links`: kernel index of each twin -> interface.
  NetlinkState(dataplane::Dataplane& dataplane, std::map<uint32_t, dataplane::InterfaceId> links,
               OnNeighbor on_neighbor, OnLink on_link);

  /// Applies one event. `dumped`: it is part of a dump, not news.
  void apply(const NetlinkEvent& event, bool dumped);

  void begin_dump();
  void end_dump();
  bool wants_dump() const { return wants_dump_; }
  void request_dump() { wants_dump_ = true; }

 private:
  struct Preference {
    bool other_table = false;
    uint32_t metric = 0;
    friend auto operator<=>(const Preference&, const Preference&) = default;
  };
  struct Candidate {
    std::vector<RouteHop> hops;
    uint64_t generation = 0;
  };
  struct Prefix {
    std::map<Preference, Candidate> candidates;
    std::optional<RouteHop> installed;
  };
  using Key = std::pair<dataplane::InterfaceId, IpAddress>;
  struct Neighbor {
    std::optional<net::Mac> mac;
    uint64_t generation = 0;
  };

  void apply_address(const AddressEvent& event);
  void apply_route(const RouteEvent& event, bool dumped);
  void remove_route(const RouteEvent& event, const Preference& preference);
  void apply_neighbor(const NeighborEvent& event);
  void install(const IpPrefix& prefix, Prefix& entry);
  bool is_ours(const RouteHop& hop) const;
  const RouteHop* best_hop(const Prefix& entry) const;
  std::optional<dataplane::InterfaceId> interface_of(uint32_t link) const;

  dataplane::Dataplane& dataplane_;
  std::map<uint32_t, dataplane::InterfaceId> links_;
  OnNeighbor on_neighbor_;
  OnLink on_link_;
  std::map<Key, uint64_t> addresses_;  ///< -> generation
  std::map<IpPrefix, Prefix, PrefixLess> routes_;
  std::map<Key, Neighbor> neighbors_;
  uint64_t generation_ = 1;
  bool wants_dump_ = true;
};

}  // namespace isthmus::control
