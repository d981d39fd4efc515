// SPDX-License-Identifier: BSD-3-Clause
// Transport protocols by number and by name.
#pragma once

#include <bitset>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/headers.h"

namespace isthmus::net {

enum : uint8_t { kProtoGre = 47, kProtoSctp = 132 };

using ProtocolSet = std::bitset<256>;

/// Whether packets of the protocol show ports, or an identifier, that tell hosts apart behind one
/// address. SCTP's could not be changed: its CRC32c would have to be computed anew.
constexpr bool has_ports(uint8_t protocol) {
  return protocol == kProtoTcp || protocol == kProtoUdp || protocol == kProtoIcmp4 ||
         protocol == kProtoIcmp6;
}

struct ProtocolName {
  std::string_view name;
  uint8_t number;
};
/// Those that commands and files call by name; ICMPv6 counts as ICMP.
inline constexpr ProtocolName kProtocolNames[] = {{"tcp", kProtoTcp},    {"udp", kProtoUdp},
                                                  {"icmp", kProtoIcmp4}, {"esp", kProtoEsp},
                                                  {"gre", kProtoGre},    {"sctp", kProtoSctp}};

/// Its name, or else its number.
inline std::string protocol_text(uint8_t protocol) {
  for (const auto& known : kProtocolNames) {
    if (known.number == protocol) return std::string(known.name);
  }
  return std::to_string(protocol);
}

/// By name, or by number from 0 to 255.
inline std::optional<uint8_t> parse_protocol(std::string_view text) {
  for (const auto& known : kProtocolNames) {
    if (known.name == text) return known.number;
  }
  uint8_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return text.empty() || error != std::errc{} || stop != end ? std::nullopt
                                                             : std::optional<uint8_t>(number);
}

}  // namespace isthmus::net
