// SPDX-License-Identifier: BSD-3-Clause
// What one trial found, and its line of JSON.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/loadgen/command.h"
#include "bench/loadgen/histogram.h"

namespace isthmus::loadgen {

/// One direction of a trial.
struct Tally {
  uint64_t sent = 0;
  uint64_t refused = 0;  ///< of these: the port took no more, so they never reached the device
  uint64_t received = 0;
  uint64_t out_of_order = 0;  ///< behind a later one of their direction (RFC 4737 3.3)
  uint64_t wrong = 0;         ///< address, port or checksum
  Histogram delay;            ///< in ticks, from before sending to behind receiving

  uint64_t lost() const { return sent > received ? sent - received : 0; }
};

enum Way : uint8_t { k6to4, k4to6 };

struct Trial {
  Command command;
  uint16_t number = 0;
  std::array<Tally, 2> ways;   ///< by Way
  double seconds = 0;          ///< from the first frame to the last one sent
  uint64_t slips = 0;          ///< see pacer.h
  double slipped = 0;          ///< seconds
  uint64_t foreign = 0;        ///< frames that are none of ours, and not about neighbors
  uint64_t changed = 0;        ///< flows that came out of another pool address or port than before
  uint32_t known = 0;          ///< flows whose pool address and port is known
  uint64_t unknown = 0;        ///< flows that could not be sent to because it is not
  std::vector<bool> answered;  ///< by flow: validate and establish had their answer
};

std::string to_json(const Trial& trial, double ticks_per_second);

}  // namespace isthmus::loadgen
