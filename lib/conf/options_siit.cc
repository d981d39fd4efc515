// SPDX-License-Identifier: BSD-3-Clause
// Options of stateless instances.
#include "conf/option_table.h"

namespace isthmus::conf {
namespace {

// RFC 7757 3.2: "The prefix length MAY be omitted, in which case the implementation MUST assume it
// to be 32 for IPv4 and 128 for IPv6."
template <auto Member>
Checked read_prefix(const Node& node, const Range& range, const std::string& path, void* object) {
  auto& to = static_cast<Eam*>(object)->*Member;
  using Prefix = std::remove_reference_t<decltype(to)>;
  Node whole = node;
  if (node.kind == Node::Kind::kString && node.text.find('/') == std::string::npos) {
    whole.text += std::is_same_v<Prefix, net::Ip4Prefix> ? "/32" : "/128";
  }
  return read_value(whole, range, path, to) ? read_value(node, range, path, to) : Checked{};
}

template <auto Member>
constexpr Field prefix_field() {
  Field field = member<Member>();
  field.read = read_prefix<Member>;
  return field;
}

constexpr Option kSiitOptions[] = {
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
     false,
     "IPv4 addresses of the hosts that are reached over IPv6, besides those with mappings."},
    {"siit[].eam_file",
     member<&Siit::eam_file>(),
     kLive,
     {1, 4095},
     "",
     false,
     "File of more mappings, read at every reload: one a line, an IPv6 and an IPv4 prefix; \"#\" "
     "begins a comment."},
    {"siit[].hairpinning",
     member<&Siit::hairpinning>(),
     kLive,
     {},
     "",
     false,
     "How hosts with mappings reach each other by their IPv4 names (RFC 7757 4.2)."},
    {"siit[].icmp_source_pool",
     member<&Siit::icmp_source_pool>(),
     kLive,
     {},
     "",
     false,
     "Sources of ICMPv4 errors whose sender has no IPv4 address (RFC 6791); none: the gateway's "
     "own address. Private addresses tend to be filtered on the way."},
    {"siit[].icmp_source_extension",
     member<&Siit::icmp_source_extension>(),
     kLive,
     {},
     "",
     false,
     "Name that sender's IPv6 address in an extension of the error (RFC 5837)."},
    {"siit[].eam[].ipv6",
     prefix_field<&Eam::ipv6>(),
     kLive,
     {},
     "",
     true,
     "IPv6 addresses, as a prefix or one address."},
    {"siit[].eam[].ipv4",
     prefix_field<&Eam::ipv4>(),
     kLive,
     {},
     "",
     true,
     "IPv4 addresses that stand for them, suffix by suffix."},
    {"siit[].policy.lowest_ipv6_mtu", member<&Siit::policy, &TranslationPolicy::lowest_ipv6_mtu>(),
     kLive, kMtu, "bytes", false, kMtuHelp},
    {"siit[].policy.traffic_class_4to6",
     member<&Siit::policy, &TranslationPolicy::traffic_class_4to6>(), kLive, kClass, "", false,
     kClass46Help},
    {"siit[].policy.traffic_class_6to4",
     member<&Siit::policy, &TranslationPolicy::traffic_class_6to4>(), kLive, kClass, "", false,
     kClass64Help},
    {"siit[].policy.keep_ecn",
     member<&Siit::policy, &TranslationPolicy::keep_ecn>(),
     kLive,
     {},
     "",
     false,
     kEcnHelp},
    {"siit[].policy.mss_clamp", member<&Siit::policy, &TranslationPolicy::mss_clamp>(), kLive, kMss,
     "bytes", false, kMssHelp},
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
    {"siit[].policy.udp_zero_ports", member<&Siit::policy, &TranslationPolicy::udp_zero_ports>(),
     kLive, kPortNumber, "", false, kZeroPortsHelp},
    {"siit[].policy.answer_refused",
     member<&Siit::policy, &TranslationPolicy::answer_refused>(),
     kLive,
     {},
     "",
     false,
     kAnswerRefusedHelp},
    {"siit[].policy.short_icmp4_errors",
     member<&Siit::policy, &TranslationPolicy::short_icmp4_errors>(),
     kLive,
     {},
     "",
     false,
     kShortErrorsHelp},
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
  return kSiitOptions;
}

}  // namespace isthmus::conf
