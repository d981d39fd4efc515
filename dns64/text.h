// SPDX-License-Identifier: BSD-3-Clause
// Messages and their parts in words, for people: logs and commands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dns64/wire.h"
#include "net/addr.h"

namespace isthmus::dns64 {

/// "AAAA", "TYPE65280".
std::string type_text(uint16_t type);
/// "NXDOMAIN", "RCODE17".
std::string rcode_text(uint16_t rcode);
/// An address as the engine has it: IPv4 as ::ffff:a.b.c.d.
std::string client_text(const net::Ip6& client);
/// A message of ours, as dig prints it.
std::string message_text(Bytes message);

/// A query with EDNS, as a client would send it.
Result<std::vector<uint8_t>> make_query(std::string_view name, std::string_view type, uint16_t id);

}  // namespace isthmus::dns64
