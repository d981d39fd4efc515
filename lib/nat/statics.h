// SPDX-License-Identifier: BSD-3-Clause
// Static bindings (RFC 6146 3.1) of all workers, as the control core keeps them.
//
// Theory of operation. A static binding lives in the tables of its inside host's worker. Its pool
// cell belongs to some worker by the map of lib/steer; when that is another one, the cell (or the
// whole address) changes owner. So adding one takes three steps, of which each may refuse:
//   1. the worker that has the cell reserves it, so that it is never lent: refused while it is;
//   2. the inside host's worker makes the binding;
//   3. packets to the cell are sent to that worker (steer/cell_exceptions.h).
// Removing one takes the steps back, and ends its sessions. A whole address is reserved by every
// worker that has cells of it, and known to all.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "nat/translator.h"
#include "steer/ownership.h"

namespace isthmus::nat {

/// A static binding and where it comes from.
struct StaticEntry {
  StaticBinding binding;
  bool configured = false;  ///< by the file; otherwise by a command
  bool persistent = false;  ///< of a command: to be remembered
};

class StaticBindings {
 public:
  using Question = std::function<void(Translator&)>;
  /// Runs a question on a worker's thread and waits for it.
  using Ask = std::function<Status(unsigned worker, const Question& question)>;

  /// `ownership` must outlive this object.
  StaticBindings(steer::Ownership& ownership, Ask ask)
      : ownership_(ownership), ask_(std::move(ask)) {}

  Status add(const StaticEntry& entry);
  /// The one that has this outside address, port and protocol.
  Status remove(const StaticBinding& outside);
  /// Makes the configured ones be `wanted`, or changes nothing: what may be refused comes first.
  /// Addresses in `leaving` get none yet, but are asked about all the same: once their sessions
  /// have ended, a call without `leaving` is not refused for what could be known now.
  Status configure(std::span<const StaticBinding> wanted,
                   std::span<const steer::AddressRange> leaving = {});
  /// During a change of pools, when `leaving` has no sessions any more: its cells are not reserved,
  /// or those of an address that comes back would count twice.
  void unreserve(std::span<const steer::AddressRange> leaving);
  /// After a change of pools: addresses that have come, or come back, know of no reserved cells.
  void reserve_again();
  const std::vector<StaticEntry>& entries() const { return entries_; }
  /// The entry of this outside address, port and protocol, or nullptr.
  const StaticEntry* find(const StaticBinding& outside) const;

 private:
  Status reserve(const StaticBinding& binding);
  void unreserve(const StaticBinding& binding, unsigned workers);
  Status check_inside(const StaticBinding& binding) const;
  Status make(const StaticBinding& binding);
  void unmake(const StaticBinding& binding);
  void end_sessions(const StaticBinding& binding);
  void end_sessions(const Filter& filter, unsigned worker);
  unsigned natural_owner(const StaticBinding& binding) const;

  steer::Ownership& ownership_;
  Ask ask_;
  std::vector<StaticEntry> entries_;
};

/// "tcp 203.0.113.1 port 80", or "203.0.113.1".
std::string outside_text(const StaticBinding& binding);

}  // namespace isthmus::nat
