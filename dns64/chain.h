// SPDX-License-Identifier: BSD-3-Clause
// Reading an upstream answer the way RFC 6147 5.1 does: follow CNAME and DNAME to the name that has
// the data, find the SOA of a negative answer.
#pragma once

#include <optional>

#include "dns64/wire.h"

namespace isthmus::dns64 {

/// Longer chains are answered as a failure; public resolvers stop between 8 and 17.
inline constexpr unsigned kMaxChain = 64;

/// Where the chain of aliases that starts at `name` ends in the answer section; nullopt if it loops
/// or is longer than kMaxChain. DNAME counts even where the synthesised CNAME is missing (RFC
/// 6672).
std::optional<Name> end_of_chain(const Message& message, const Name& name);

/// Whether `record` is in the answer section, of class IN, of `type`, and owned by `owner`.
bool is_answer(const Message& message, const Record& record, uint16_t type, const Name& owner);

/// The type an RRSIG covers; 0 for other records.
uint16_t type_covered(const Message& message, const Record& record);

/// RFC 2308 5: the smaller of the TTL and the MINIMUM field of the SOA in the authority section.
std::optional<uint32_t> negative_ttl(const Message& message);

}  // namespace isthmus::dns64
