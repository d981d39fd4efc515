// SPDX-License-Identifier: BSD-3-Clause
// The command line behind EAL's "--".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/frames.h"

namespace isthmus::loadgen {

struct Options {
  std::string inside = "0", outside = "1";  ///< ports, by name or number; they may be one
  std::string inside_address = "2001:db8:ffff:ffff::2";
  std::string inside_gateway = "2001:db8:ffff:ffff::1";
  std::string outside_address = "198.51.100.2";
  std::string outside_gateway = "198.51.100.1";
  std::string inside_mac, outside_mac;  ///< the gateway's, where it is not to be asked for it
  std::string prefix = bench::kPrefix;
  bench::Shape shape;
  std::string frame = "small";
  uint32_t flows = 1u << 20;
  bool no_udp_checksum = false;  ///< towards IPv4 frames may come without
  uint16_t descriptors = 1024;
  double wait = 20;
  std::vector<std::string> commands;

  /// Lengths of the UDP payload that frames take in turn.
  std::vector<unsigned> payloads() const;
};

/// nullopt: the program is to end with `status`.
std::optional<Options> parse_options(int argc, char** argv, int& status);

}  // namespace isthmus::loadgen
