// SPDX-License-Identifier: BSD-3-Clause
// Options of the DNS64 service.
#include "conf/option_table.h"

namespace isthmus::conf {
namespace {

constexpr Option kOptions[] = {
    {"dns64.listen",
     member<&Config::dns64, &Dns64::listen>(),
     kRestart,
     {},
     "",
     true,
     "Addresses that clients ask; each also an address of an interface."},
    {"dns64.upstreams",
     member<&Config::dns64, &Dns64::upstreams>(),
     kLive,
     {},
     "",
     true,
     "Resolvers to ask, in order of preference; port 53 unless given."},
    {"dns64.nat64",
     member<&Config::dns64, &Dns64::nat64>(),
     kRestart,
     {0, 32},
     "",
     false,
     "NAT64 instance whose first prefix synthesised addresses lie in; empty: the first one."},
    {"dns64.exclude",
     member<&Config::dns64, &Dns64::exclude>(),
     kLive,
     {},
     "",
     false,
     "AAAA records inside these count as absent (RFC 6147 5.1.4)."},
    {"dns64.upstream_timeout_ms",
     member<&Config::dns64, &Dns64::upstream_timeout_ms>(),
     kLive,
     {100, 30000},
     "ms",
     false,
     "Wait for an upstream before the next is asked."},
    {"dns64.cache_entries",
     member<&Config::dns64, &Dns64::cache_entries>(),
     kLive,
     {0, 1 << 24},
     "answers",
     false,
     "Answers kept for their time to live."},
    {"dns64.max_in_flight",
     member<&Config::dns64, &Dns64::max_in_flight>(),
     kLive,
     {1, 1000000},
     "queries",
     false,
     "Queries waiting for upstreams; more are refused."},
};

}  // namespace

std::span<const Option> dns64_options() {
  return kOptions;
}

}  // namespace isthmus::conf
