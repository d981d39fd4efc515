// SPDX-License-Identifier: BSD-3-Clause
// From a libconfig file to a checked Config.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "conf/config.h"
#include "net/result.h"

namespace isthmus::conf {

/// Reads and checks `path`. The error names file, line, option, what was found and what was
/// expected:
/// "/etc/isthmus/isthmus.conf:12: nat64[0].prefixes[0]: found \"64:ff9b::/80\", expected an IPv6
/// prefix of length 32, 40, 48, 56, 64 or 96 (RFC 6052 2.2)".
Result<std::shared_ptr<const Config>> load_file(const std::string& path);
/// The same for text in memory; `name` stands for the file in errors.
Result<std::shared_ptr<const Config>> load_text(std::string_view text, const std::string& name);

/// Likewise, but without the checks: to look at and compare. Files that it names are not read.
Result<std::shared_ptr<const Config>> read_text(std::string_view text, const std::string& name);

/// Options that differ between `running` and `wanted` and cannot change without a restart; empty
/// when `wanted` can be applied live. Each entry is an option path.
std::vector<std::string> needs_restart(const Config& running, const Config& wanted);

}  // namespace isthmus::conf
