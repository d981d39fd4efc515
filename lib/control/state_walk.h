// SPDX-License-Identifier: BSD-3-Clause
// Bounded looks at workers' state. Commands see this interface only, so that tests can give them a
// million sessions without a translator.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "nat/info.h"
#include "net/result.h"

namespace isthmus::control {

/// One step of a walk: where to go on (0: the worker's table is done) and how many were found.
struct WalkStep {
  uint64_t next_cursor = 0;
  std::size_t count = 0;
};

class StateWalk {
 public:
  virtual ~StateWalk() = default;
  virtual unsigned workers() const = 0;
  virtual Result<WalkStep> sessions(unsigned worker, uint64_t cursor, const nat::Filter& filter,
                                    std::span<nat::SessionInfo> out) = 0;
  virtual Result<WalkStep> bindings(unsigned worker, uint64_t cursor, const nat::Filter& filter,
                                    std::span<nat::BindingInfo> out) = 0;
  virtual Result<WalkStep> blocks(unsigned worker, uint64_t cursor, const nat::Filter& filter,
                                  std::span<nat::BlockInfo> out) = 0;
  virtual Result<WalkStep> subscribers(unsigned worker, uint64_t cursor, const nat::Filter& filter,
                                       std::span<nat::SubscriberInfo> out) = 0;
  virtual Result<WalkStep> clear_sessions(unsigned worker, uint64_t cursor,
                                          const nat::Filter& filter) = 0;
  virtual Result<WalkStep> clear_bindings(unsigned worker, uint64_t cursor,
                                          const nat::Filter& filter) = 0;
  virtual Result<std::size_t> pools(unsigned worker, std::span<nat::PoolInfo> out) = 0;
  virtual Result<nat::TableInfo> tables(unsigned worker) = 0;
  virtual Result<nat::MemoryInfo> memory(unsigned worker) = 0;
};

class Backend;

/// Asks the backend's dataplane; each step is one question of at most 256 table places.
std::unique_ptr<StateWalk> make_state_walk(Backend& backend);

}  // namespace isthmus::control
