// SPDX-License-Identifier: BSD-3-Clause
// The parts of the option table, and what they share. options.cc joins them in this order.
#pragma once

#include "conf/member.h"
#include "conf/option.h"

namespace isthmus::conf {

std::span<const Option> system_options();
std::span<const Option> nat64_options();
std::span<const Option> pool_options();
std::span<const Option> siit_options();
std::span<const Option> dns64_options();
std::span<const Option> pcp_options();

inline constexpr auto kLive = Change::kLive;
inline constexpr auto kRestart = Change::kRestart;

inline constexpr Range kName{1, 32};
inline constexpr Range kMtu{1280, 9600};
inline constexpr Range kClass{0, 255};

// Policy that stateful and stateless instances have alike.
inline constexpr std::string_view kMtuHelp =
    "Smallest MTU on the IPv6 side: ICMP errors never announce less (RFC 7915 4).";
inline constexpr std::string_view kCopyClassHelp =
    "Copy the traffic class (TOS) octet; false: set fixed_traffic_class (RFC 7915 4.1, 5.1).";
inline constexpr std::string_view kFixedClassHelp =
    "Octet to set when copy_traffic_class is false.";
inline constexpr std::string_view kZero46Help =
    "UDP over IPv4 without checksum: drop it, compute one, or forward zero (RFC 7915 4.5).";
inline constexpr std::string_view kZero64Help =
    "UDP over IPv6 with checksum zero (RFC 6935, 6936).";
inline constexpr std::string_view kNonGlobalHelp =
    "Let 64:ff9b::/96 carry non-global IPv4 addresses, against RFC 6052 3.1.";

}  // namespace isthmus::conf
