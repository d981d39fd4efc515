// SPDX-License-Identifier: BSD-3-Clause
// Whether a configuration fits into memory, told before any of it is taken.
//
// Theory of operation. What tables take follows from the configuration alone; DPDK takes
// memory.megabytes at most. Both can lie in huge pages that the system has set aside, DPDK's first:
// each does if all of it fits there, and "auto" lets it go elsewhere if not. What lies elsewhere
// must fit into what is available; tables are made present at start, so nothing comes up later.
#pragma once

#include <cstdint>
#include <string>

#include "conf/config.h"
#include "nat/settings.h"
#include "net/result.h"

namespace isthmus::dataplane {

/// In bytes.
struct SystemMemory {
  uint64_t total = 0, available = 0;  ///< that this process may have; without reserved huge pages
  uint64_t huge_total = 0, huge_free = 0;  ///< reserved huge pages of all sizes
  uint64_t huge_free_2m = 0;               ///< of these, of 2 MB

  /// As if nothing else ran: what a check beside a running daemon goes by.
  SystemMemory when_idle() const { return {total, total, huge_total, huge_total, huge_total}; }
};
SystemMemory system_memory();

struct MemoryNeed {
  uint64_t tables = 0;  ///< of all workers
  uint64_t dpdk = 0;
};
MemoryNeed memory_need(const conf::Config& config, const nat::Settings& settings,
                       const steer::Ownership& ownership);
/// Divides the pools first, which takes a while if they are large.
MemoryNeed memory_need(const conf::Config& config, const nat::Settings& settings);

/// What lies in reserved huge pages.
struct PageChoice {
  bool dpdk = false;
  bool tables = false;
};
PageChoice choose_pages(conf::HugePages wish, const MemoryNeed& need, const SystemMemory& system);

/// `need` is that of `config` and `settings`. Error: what is needed, what there is, and how to get
/// it or with what it would fit.
Status check_memory(const conf::Config& config, const nat::Settings& settings,
                    const MemoryNeed& need, const SystemMemory& system);

/// A sentence for the operator when reserved huge pages would be used if there were more; or empty.
std::string huge_page_advice(conf::HugePages wish, const MemoryNeed& need,
                             const SystemMemory& system);

}  // namespace isthmus::dataplane
