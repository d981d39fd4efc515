// SPDX-License-Identifier: BSD-3-Clause
// Options that name addresses: allow and deny lists, pass-through, and amendments to the RFCs'
// lists.
#include "conf/option_table.h"

namespace isthmus::conf {
namespace {

constexpr std::string_view kOutboundInsideAllowHelp =
    "IPv6 hosts that may open flows towards IPv4; others may not.";
constexpr std::string_view kOutboundInsideDenyHelp =
    "IPv6 hosts that may not open flows towards IPv4.";
constexpr std::string_view kOutboundRemoteAllowHelp =
    "IPv4 destinations that flows may be opened to; no others.";
constexpr std::string_view kOutboundRemoteDenyHelp =
    "IPv4 destinations that no flow may be opened to.";
constexpr std::string_view kInboundInsideAllowHelp =
    "IPv6 hosts that flows may be opened to from IPv4; no others.";
constexpr std::string_view kInboundInsideDenyHelp =
    "IPv6 hosts that no flow may be opened to from IPv4.";
constexpr std::string_view kInboundRemoteAllowHelp =
    "IPv4 hosts that may open flows towards IPv6; others may not.";
constexpr std::string_view kInboundRemoteDenyHelp =
    "IPv4 hosts that may not open flows towards IPv6.";

constexpr Option kAccessOptions[] = {
    {"nat64[].access.outbound_inside_allow",
     member<&Nat64::access, &Access::outbound_inside_allow>(),
     kLive,
     {},
     "",
     false,
     kOutboundInsideAllowHelp},
    {"nat64[].access.outbound_inside_deny",
     member<&Nat64::access, &Access::outbound_inside_deny>(),
     kLive,
     {},
     "",
     false,
     kOutboundInsideDenyHelp},
    {"nat64[].access.outbound_remote_allow",
     member<&Nat64::access, &Access::outbound_remote_allow>(),
     kLive,
     {},
     "",
     false,
     kOutboundRemoteAllowHelp},
    {"nat64[].access.outbound_remote_deny",
     member<&Nat64::access, &Access::outbound_remote_deny>(),
     kLive,
     {},
     "",
     false,
     kOutboundRemoteDenyHelp},
    {"nat64[].access.inbound_inside_allow",
     member<&Nat64::access, &Access::inbound_inside_allow>(),
     kLive,
     {},
     "",
     false,
     kInboundInsideAllowHelp},
    {"nat64[].access.inbound_inside_deny",
     member<&Nat64::access, &Access::inbound_inside_deny>(),
     kLive,
     {},
     "",
     false,
     kInboundInsideDenyHelp},
    {"nat64[].access.inbound_remote_allow",
     member<&Nat64::access, &Access::inbound_remote_allow>(),
     kLive,
     {},
     "",
     false,
     kInboundRemoteAllowHelp},
    {"nat64[].access.inbound_remote_deny",
     member<&Nat64::access, &Access::inbound_remote_deny>(),
     kLive,
     {},
     "",
     false,
     kInboundRemoteDenyHelp},
    {"siit[].access.outbound_inside_allow",
     member<&Siit::access, &Access::outbound_inside_allow>(),
     kLive,
     {},
     "",
     false,
     kOutboundInsideAllowHelp},
    {"siit[].access.outbound_inside_deny",
     member<&Siit::access, &Access::outbound_inside_deny>(),
     kLive,
     {},
     "",
     false,
     kOutboundInsideDenyHelp},
    {"siit[].access.outbound_remote_allow",
     member<&Siit::access, &Access::outbound_remote_allow>(),
     kLive,
     {},
     "",
     false,
     kOutboundRemoteAllowHelp},
    {"siit[].access.outbound_remote_deny",
     member<&Siit::access, &Access::outbound_remote_deny>(),
     kLive,
     {},
     "",
     false,
     kOutboundRemoteDenyHelp},
    {"siit[].access.inbound_inside_allow",
     member<&Siit::access, &Access::inbound_inside_allow>(),
     kLive,
     {},
     "",
     false,
     kInboundInsideAllowHelp},
    {"siit[].access.inbound_inside_deny",
     member<&Siit::access, &Access::inbound_inside_deny>(),
     kLive,
     {},
     "",
     false,
     kInboundInsideDenyHelp},
    {"siit[].access.inbound_remote_allow",
     member<&Siit::access, &Access::inbound_remote_allow>(),
     kLive,
     {},
     "",
     false,
     kInboundRemoteAllowHelp},
    {"siit[].access.inbound_remote_deny",
     member<&Siit::access, &Access::inbound_remote_deny>(),
     kLive,
     {},
     "",
     false,
     kInboundRemoteDenyHelp},
    {"forwarding.pass_through",
     member<&Config::forwarding, &Routing::pass_through>(),
     kLive,
     {},
     "",
     false,
     "Destinations that are routed untranslated (RFC 8512, nat-pass-through). A prefix inside a "
     "translation prefix, or inside siit[].inside4, is an exception to it; others take what nobody "
     "translates, so that \"::/0\" is native IPv6."},
    {"forwarding.spoof_check",
     member<&Config::forwarding, &Routing::spoof_check>(),
     kLive,
     {},
     "",
     false,
     "Drop packets whose source cannot be true: an IPv6 one that is not routed back to the "
     "interface it came from (RFC 3704 2.2), an IPv4 one that is ours, a pool's or in inside4."},
    {"addresses.global",
     member<&Config::addresses, &Addresses::global>(),
     kLive,
     {},
     "",
     false,
     "IPv4 ranges that count as global unicast, so that 64:ff9b::/96 may carry them: 198.18.0.0/15 "
     "for benchmarks (RFC 6052 3.1)."},
    {"addresses.forbidden",
     member<&Config::addresses, &Addresses::forbidden>(),
     kLive,
     {},
     "",
     false,
     "IPv4 ranges that are never translated, neither as source nor as destination, and that DNS64 "
     "does not synthesise for. Of two ranges the longer prefix counts."},
};

}  // namespace

std::span<const Option> access_options() {
  return kAccessOptions;
}

}  // namespace isthmus::conf
