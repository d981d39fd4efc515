// SPDX-License-Identifier: BSD-3-Clause
// Threads of the dataplane: pinned to a CPU, and known to DPDK.
#pragma once

#include <string>

#include "net/result.h"

namespace isthmus::dataplane {

/// False: the CPU does not exist or may not be used.
bool pin_thread(unsigned cpu);

/// Makes the calling thread one of the dataplane's: named, pinned, registered, so that buffers'
/// per-core caches work for it; deaf to signals, which are the control core's. `option` is what
/// the CPU comes from, for errors. rte_thread_unregister() ends it.
Status prepare_thread(const std::string& name, unsigned cpu, const std::string& option);

}  // namespace isthmus::dataplane
