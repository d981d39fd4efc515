// SPDX-License-Identifier: BSD-3-Clause
// Options of the PCP server.
#include "conf/option_table.h"

namespace isthmus::conf {
namespace {

constexpr Option kPcpOptions[] = {
    {"pcp.listen",
     member<&Config::pcp, &Pcp::listen>(),
     kRestart,
     {},
     "",
     true,
     "Addresses that inside hosts ask at, port 5351; each serves the interface that has it."},
    {"pcp.lifetime_min",
     member<&Config::pcp, &Pcp::lifetime_min>(),
     kLive,
     {30, 86400},
     "s",
     false,
     "Mappings are granted for so long at least (RFC 6887 15)."},
    {"pcp.lifetime_max",
     member<&Config::pcp, &Pcp::lifetime_max>(),
     kLive,
     {120, 604800},
     "s",
     false,
     "Mappings are granted for so long at most, before they have to be renewed."},
    {"pcp.mappings",
     member<&Config::pcp, &Pcp::mappings>(),
     kLive,
     {0, 65535},
     "mappings",
     false,
     "What one subscriber (limits.subscriber_prefix) may have at a time (RFC 6887 11.3)."},
};

}  // namespace

std::span<const Option> pcp_options() {
  return kPcpOptions;
}

}  // namespace isthmus::conf
