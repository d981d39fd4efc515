// SPDX-License-Identifier: BSD-3-Clause
// Packets as operators write them: described in words, or in hexadecimal digits.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "control/command_table.h"

namespace isthmus::control {

using PacketBytes = std::vector<uint8_t>;

/// An IP packet with right checksums from one of
///   udp SOURCE PORT DESTINATION PORT
///   tcp SOURCE PORT DESTINATION PORT [flags LETTERS]    (S A F R P U; S if not given)
///   icmp SOURCE DESTINATION [id N] [reply]              (an echo request of identifier 1)
/// each with [hops N] [size N], the hop limit (64) and octets of payload (0); or from the octets of
/// a packet: hexadecimal digits, with spaces or colons between them if wanted.
std::variant<PacketBytes, Complaint> parse_packet(std::string_view text);

/// "udp 192.0.2.1 53 > 203.0.113.7 40112, 48 octets": what a person wants to know of a packet.
std::string describe_packet(const PacketBytes& packet);

}  // namespace isthmus::control
