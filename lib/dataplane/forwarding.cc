// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/forwarding.h"

namespace isthmus::dataplane {
namespace {

struct Applier {
  Forwarding& copy;

  bool operator()(const SetAdjacency& change) const {
    if (change.index >= copy.adjacencies.size()) {
      copy.adjacencies.resize(change.index + 1u);
      copy.neighbors.resize(change.index + 1u);
    }
    copy.adjacencies[change.index] = change.adjacency;
    copy.neighbors[change.index] = change.neighbor;
    return true;
  }
  bool operator()(const SetFibEntry& change) const {
    return std::visit(
        [&](const auto& prefix) {
          if (change.index) return copy.fib->add(prefix, *change.index);
          copy.fib->remove(prefix);
          return true;
        },
        change.prefix);
  }
  bool operator()(const SetLocals& change) const {
    copy.locals = change.locals;
    return true;
  }
  bool operator()(const SetEdge& change) const {
    copy.edge = change.edge;
    return true;
  }
};

}  // namespace

bool apply(Forwarding& copy, const Change& change) {
  return std::visit(Applier{copy}, change);
}

}  // namespace isthmus::dataplane
