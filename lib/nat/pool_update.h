// SPDX-License-Identifier: BSD-3-Clause
// Pools that change while packets flow.
//
// Theory of operation. A change has these steps, each the same for all workers:
//   1. install what both configurations have open, and all else that either has closed: every
//   worker
//      now knows new addresses, so that their packets are welcome wherever they arrive, and nobody
//      makes bindings on old ones any more;
//   2. end the sessions of addresses that leave (Translator::end_leaving());
//   3. where addresses move from one pool to another: install what is wanted, these still closed,
//      so that static bindings have their cells before anybody else can;
//   4. install what is wanted.
// The control core makes each worker's state whole (Translator::prepare_pools()); the worker takes
// it up between two bursts, in a few pointer exchanges (install_pools()), and the control core
// frees what it gets back.
#pragma once

#include <memory>
#include <vector>

#include "nat/classifier.h"
#include "nat/pool_set.h"
#include "nat/settings.h"

namespace isthmus::nat {

/// A worker's next pools; afterwards its last ones.
struct PoolUpdate {
  std::unique_ptr<PoolSet> set;
  Classifier classifier;
};

struct PoolChange {
  Settings join;                             ///< step 1
  std::vector<steer::AddressRange> leaving;  ///< step 2
  Settings settle;                           ///< step 3
  bool moves = false;                        ///< whether there is a step 3
};

/// Whether both have the same pools under the same rules.
bool same_pools(const Settings& a, const Settings& b);
/// The way from one to the other; both have the same instances.
PoolChange plan_change(const Settings& running, const Settings& wanted);

/// Addresses of `a` that are not in `b`.
std::vector<steer::AddressRange> subtract(std::vector<steer::AddressRange> a,
                                          const std::vector<steer::AddressRange>& b);

}  // namespace isthmus::nat
