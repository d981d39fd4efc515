// SPDX-License-Identifier: BSD-3-Clause
// Options of stateless instances.
#include "conf/option_table.h"

namespace isthmus::conf {
namespace {

constexpr Option kOptions[] = {
    {"siit[].name", member<&Siit::name>(), kRestart, kName, "", false, "Name."},
    {"siit[].prefix",
     member<&Siit::prefix>(),
     kRestart,
     {},
     "",
     false,
     "IPv6 prefix that stands for IPv4 addresses (RFC 6052)."},
    {"siit[].inside4",
     member<&Siit::inside4>(),
     kRestart,
     {},
     "",
     true,
     "IPv4 addresses of the hosts that are reached over IPv6."},
    {"siit[].policy.lowest_ipv6_mtu", member<&Siit::policy, &TranslationPolicy::lowest_ipv6_mtu>(),
     kLive, kMtu, "bytes", false, kMtuHelp},
    {"siit[].policy.copy_traffic_class",
     member<&Siit::policy, &TranslationPolicy::copy_traffic_class>(),
     kLive,
     {},
     "",
     false,
     kCopyClassHelp},
    {"siit[].policy.fixed_traffic_class",
     member<&Siit::policy, &TranslationPolicy::fixed_traffic_class>(), kLive, kClass, "", false,
     kFixedClassHelp},
    {"siit[].policy.udp_zero_4to6",
     member<&Siit::policy, &TranslationPolicy::udp_zero_4to6>(),
     kLive,
     {},
     "",
     false,
     kZero46Help},
    {"siit[].policy.udp_zero_6to4",
     member<&Siit::policy, &TranslationPolicy::udp_zero_6to4>(),
     kLive,
     {},
     "",
     false,
     kZero64Help},
    {"siit[].policy.allow_non_global",
     member<&Siit::policy, &TranslationPolicy::allow_non_global>(),
     kLive,
     {},
     "",
     false,
     kNonGlobalHelp},
};

}  // namespace

std::span<const Option> siit_options() {
  return kOptions;
}

}  // namespace isthmus::conf
