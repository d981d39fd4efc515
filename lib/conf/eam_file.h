// SPDX-License-Identifier: BSD-3-Clause
// Explicit address mappings (RFC 7757) from files, and what all mappings of an instance must be.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conf/config.h"
#include "conf/tree.h"
#include "net/result.h"

namespace isthmus::conf {

/// As many as all instances together may have. A mapping takes about 130 bytes of memory, twice
/// while it is being reloaded.
inline constexpr std::size_t kMaxMappings = 1'000'000;

/// A mapping with the place where it stands.
struct PlacedEam {
  net::Eam eam;
  std::string path;  ///< of the option; empty: in a file
  int line = 0;
};

/// Appends the mappings of a file's text. A line is an IPv6 and an IPv4 prefix, in any order, with
/// blanks between them; "#" begins a comment. The problem names line, text, and what was expected.
Checked parse_eams(std::string_view text, std::vector<PlacedEam>& out);

/// Fills `mappings` of every stateless instance from its list and its file. The error is that of
/// the configuration `file`, or of the file of mappings.
Status load_mappings(const std::string& file, const Lines& lines, Config& config);

}  // namespace isthmus::conf
