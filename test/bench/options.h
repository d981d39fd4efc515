// SPDX-License-Identifier: BSD-3-Clause
// The command line of dataplane_bench.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/frames.h"

namespace isthmus::bench {

struct Options {
  unsigned cpu = 0;
  std::vector<uint32_t> ladder{1000, 1'032'192};
  uint64_t packets = 400'000;  ///< a run
  unsigned runs = 5;
  std::vector<std::string> only;
  Shape shape;
  std::vector<unsigned> payloads{18};
  unsigned burst = 64;  ///< frames that a port has each time, of flows that exist
  bool blocks = false;
  bool huge_pages = true;
  bool pauses = false;  ///< instead of cycles
  std::string json;
  /// What the caller knows of machine and build: into each row of the JSON file.
  std::vector<std::pair<std::string, std::string>> facts;

  bool wants(std::string_view scenario) const;
  /// What of all this shapes the gateway and its traffic, in words.
  std::string configuration() const;
};

/// Ends the program with a usage text if it makes no sense.
Options parse_options(int argc, char** argv);

}  // namespace isthmus::bench
