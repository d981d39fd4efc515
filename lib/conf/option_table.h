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
std::span<const Option> access_options();
std::span<const Option> dns64_list_options();
std::span<const Option> export_options();

inline constexpr auto kLive = Change::kLive;
inline constexpr auto kRestart = Change::kRestart;

inline constexpr Range kName{1, 32};
inline constexpr Range kMtu{1280, 9600};
inline constexpr Range kClass{0, 255};
inline constexpr Range kMss{536, 65475};  ///< least: what is assumed without the option (RFC 9293)
inline constexpr Range kPortNumber{1, 65535};

// Policy that stateful and stateless instances have alike.
inline constexpr std::string_view kMtuHelp =
    "Smallest MTU on the IPv6 side: ICMP errors never announce less (RFC 7915 4).";
inline constexpr std::string_view kClass46Help =
    "Traffic class towards IPv6: copy of the TOS octet, or an octet to set (RFC 7915 4.1).";
inline constexpr std::string_view kClass64Help =
    "TOS octet towards IPv4: copy of the traffic class, or an octet to set (RFC 7915 5.1).";
inline constexpr std::string_view kEcnHelp =
    "Where an octet is set, keep the packet's own ECN bits, its lowest two (RFC 3168 5).";
inline constexpr std::string_view kMssHelp =
    "Lower the MSS that TCP SYNs announce to this, or (auto) to what both sides' MTUs carry whole.";
inline constexpr std::string_view kZero46Help =
    "UDP over IPv4 without checksum: drop it, compute one, or forward zero (RFC 7915 4.5).";
inline constexpr std::string_view kZero64Help =
    "UDP over IPv6 with checksum zero (RFC 6935, 6936).";
inline constexpr std::string_view kZeroPortsHelp =
    "UDP ports, either one of a packet's, whose zero checksums pass unchanged all the same "
    "(RFC 6936 5).";
inline constexpr std::string_view kAnswerRefusedHelp =
    "Answer what policy refuses with ICMP \"administratively prohibited\" (RFC 7915 4.4, 5.4); "
    "false: drop it silently.";
inline constexpr std::string_view kShortErrorsHelp =
    "Cut all translated ICMPv4 errors to 576 bytes, not only those with an extension (RFC 4884 5).";
inline constexpr std::string_view kNonGlobalHelp =
    "Let 64:ff9b::/96 carry non-global IPv4 addresses, against RFC 6052 3.1.";

}  // namespace isthmus::conf
