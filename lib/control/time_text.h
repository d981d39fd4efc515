// SPDX-License-Identifier: BSD-3-Clause
// Points in time as text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace isthmus::control {

/// Milliseconds since 1970 of "2026-11-26T17:40:00Z", "...+01:00", with or without a fraction
/// (RFC 3339 5.6), or of seconds since 1970. Without a zone nobody knows what is meant.
std::optional<uint64_t> parse_time(std::string_view text);
/// "2026-11-26T17:40:00.000Z"
std::string time_text(uint64_t unix_ms);

}  // namespace isthmus::control
