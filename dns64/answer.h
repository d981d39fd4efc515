// SPDX-License-Identifier: BSD-3-Clause
// A finished answer, independent of who asked, and its rendering for one client.
#pragma once

#include <vector>

#include "dns64/builder.h"
#include "dns64/query.h"
#include "dns64/wire.h"

namespace isthmus::dns64 {

/// RFC 8914 4.30: "Synthesized".
inline constexpr int32_t kEdeSynthesized = 29;
inline constexpr int32_t kEdeStale = 3;          // 4.4
inline constexpr int32_t kEdeBlocked = 15;       // 4.16
inline constexpr int32_t kEdeProhibited = 18;    // 4.19
inline constexpr int32_t kEdeNoAuthority = 22;   // 4.23: nobody answered in time
inline constexpr int32_t kEdeNetworkError = 23;  // 4.24
/// Failures are remembered this long, so that impatient clients do not multiply the load on a
/// broken upstream (RFC 9520 3.2: at least 1 second).
inline constexpr uint32_t kFailureTtl = 1;

/// The message has ID 0, no OPT, and of the flags QR, RA, AA, AD and the RCODE.
struct Answer {
  std::vector<uint8_t> message;
  std::vector<uint16_t> ttl_offsets;
  uint32_t additional_at = 0;   ///< offset of the additional section, or the end
  uint32_t ttl = 0;             ///< seconds it may be cached; 0: not at all
  int32_t extended_error = -1;  ///< RFC 8914 code for clients with EDNS, or -1

  uint16_t rcode() const { return get16(message, 2) & kRcodeMask; }
};

/// What the builder holds, as an Answer that may be cached for `ttl` seconds.
Answer finish(Builder& builder, uint32_t ttl);
/// An answer with nothing but the question and `rcode`.
Answer bare_answer(const Question& question, uint16_t rcode, int32_t extended_error = -1);

struct Rendered {
  Bytes message;
  bool truncated = false;
};
/// Writes `answer` for `asker` into `out`, which has room for kMaxMessage. TTLs count down by `age`
/// seconds.
Rendered render(const Answer& answer, const Asker& asker, uint32_t age, std::span<uint8_t> out);

/// The answer to a query that is not resolved: header, question if it could be read, OPT.
Bytes render_error(const Message& query, const Asker& asker, uint16_t rcode,
                   std::span<uint8_t> out);

/// Lets all TTLs count down by `age` seconds.
void grow_old(Answer& answer, uint32_t age);

}  // namespace isthmus::dns64
