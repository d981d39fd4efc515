// SPDX-License-Identifier: BSD-3-Clause
// What a deterministic pool's mapping follows from, in words for the log.
//
// RFC 7422 3: "the CGN MUST generate a record any time such variables are changed", and SHOULD log
// one a day: with inside and outside prefixes, D, M, A and R it tells who had which port then.
#pragma once

#include <string>
#include <vector>

#include "conf/config.h"

namespace isthmus::control {

/// One for each deterministic pool.
std::vector<std::string> mapping_records(const conf::Config& config);

/// Writes them to the log, which adds the time.
void log_mappings(const conf::Config& config);

}  // namespace isthmus::control
