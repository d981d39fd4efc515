// SPDX-License-Identifier: BSD-3-Clause
// Where memory goes: what workers and the dataplane say, and the control core's own.
#pragma once

#include <string>
#include <vector>

#include "control/backend.h"
#include "control/state_walk.h"

namespace isthmus::control {

struct MemoryRow {
  std::string owner;  ///< "worker 0", "dataplane", "control"
  dataplane::MemoryPart part;
};

struct MemoryReport {
  std::vector<MemoryRow> rows;
  dataplane::ProcessMemory process;

  uint64_t sum() const;
};

/// Error: a worker does not answer.
Result<MemoryReport> report_memory(Backend& backend, StateWalk& walk);

/// In one line, workers together.
std::string memory_summary(const MemoryReport& report);

}  // namespace isthmus::control
