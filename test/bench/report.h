// SPDX-License-Identifier: BSD-3-Clause
// What dataplane_bench prints.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/options.h"

namespace isthmus::bench {

struct Row {
  std::string scenario, direction;
  uint32_t sessions;
  double frame;  ///< octets without FCS, on average
  uint64_t packets;
  double cycles;  ///< a packet
  double bytes_per_session, setup;
  uint64_t drops;
  unsigned packets_per_connection = 0;  ///< of whole TCP exchanges
};

void print_heading();
void print(const std::vector<Row>& rows);
void write_json(const Options& options, const std::vector<Row>& rows);

}  // namespace isthmus::bench
