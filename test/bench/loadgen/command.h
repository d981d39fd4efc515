// SPDX-License-Identifier: BSD-3-Clause
// What the load generator is told to do: "NAME KEY=VALUE ...", one a line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/result.h"

namespace isthmus::loadgen {

enum class Kind : uint8_t {
  kEstablish,   ///< a frame of each flow from inside; what comes out is learned, and answered
  kThroughput,  ///< frames of flows at a rate for a time
  kValidate,    ///< a frame of each flow from outside: each has to come back to its host (RFC 9693)
  kForget,      ///< nothing is known of any flow any more
  kQuit,
};

struct Command {
  Kind kind = Kind::kQuit;
  double rate = 100000;     ///< frames a second in each direction
  double seconds = 1;       ///< of throughput
  uint32_t flows = 1000;    ///< the first so many
  bool from_inside = true;  ///< directions of throughput
  bool from_outside = true;
  bool random = true;  ///< order of flows
  bool check = true;   ///< every received frame is looked at, checksums included
  bool answer = true;  ///< of establish
  double drain = 0.5;  ///< seconds without a frame after which the rest is lost
};

/// A sentence that says what is wrong otherwise.
Result<Command> parse_command(std::string_view line);

}  // namespace isthmus::loadgen
