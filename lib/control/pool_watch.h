// SPDX-License-Identifier: BSD-3-Clause
// How full pools are, and a warning when one fills up.
//
// Theory of operation. Every few seconds the daemon has all pools looked at. One that is fuller
// than its `alarm` says is warned of once; it has to be a tenth emptier before it is spoken of
// again, so that one at the brink does not fill the log. Who collects NAT events is told, too.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "conf/config.h"
#include "control/log.h"
#include "control/state_walk.h"

namespace isthmus::control {

/// All workers' figures, one for each pool that a worker knows of.
Result<std::vector<nat::PoolInfo>> sum_of_pools(const conf::Config& config, StateWalk& walk);

/// What is in use, in percent with two decimals: of the protocol that has most; of a pool of
/// blocks, blocks.
double used_percent(const nat::PoolInfo& sum);

class PoolWatch {
 public:
  using Write = std::function<void(LogLevel level, const std::string& text)>;

  /// `write` is log_text() but in tests.
  explicit PoolWatch(Write write = [](LogLevel level, const std::string& text) {
    log_text(level, text);
  });
  /// A pool, by the numbers of its instance and itself, that has reached `ports`, its alarm.
  using Reached = std::function<void(const nat::PoolInfo& pool, uint32_t ports)>;
  void look(const conf::Config& config, StateWalk& walk, const Reached& reached = {});

 private:
  using Name = std::pair<std::string, std::string>;  ///< of instance and pool

  Write write_;
  std::set<Name> full_;
};

}  // namespace isthmus::control
