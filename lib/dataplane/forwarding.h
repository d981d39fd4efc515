// SPDX-License-Identifier: BSD-3-Clause
// One complete copy of the forwarding state. Topology keeps two.
#pragma once

#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "dataplane/adjacency.h"
#include "dataplane/edge.h"
#include "dataplane/fib.h"
#include "dataplane/local_addresses.h"

namespace isthmus::dataplane {

using Address = std::variant<net::Ip4, net::Ip6>;
using Prefix = std::variant<net::Ip4Prefix, net::Ip6Prefix>;

struct Forwarding {
  std::unique_ptr<Fib> fib;
  std::vector<Adjacency> adjacencies{Adjacency{}};
  std::vector<Address> neighbors{Address{}};  ///< whose adjacency it is; unused when on-link
  std::shared_ptr<const LocalAddresses> locals;
  std::shared_ptr<const Edge> edge;
  uint64_t version = 0;  ///< each that is published has its own
};

// Changes, as Topology makes them in one copy and repeats in the other.
struct SetAdjacency {
  AdjacencyIndex index;
  Adjacency adjacency;
  Address neighbor;
};
struct SetFibEntry {
  Prefix prefix;
  std::optional<AdjacencyIndex> index;  ///< absent: remove
};
struct SetLocals {
  std::shared_ptr<const LocalAddresses> locals;
};
struct SetEdge {
  std::shared_ptr<const Edge> edge;
};
using Change = std::variant<SetAdjacency, SetFibEntry, SetLocals, SetEdge>;

/// False if a table is full; the copy is then as before.
bool apply(Forwarding& copy, const Change& change);

}  // namespace isthmus::dataplane
