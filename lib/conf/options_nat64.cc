// SPDX-License-Identifier: BSD-3-Clause
// Options of stateful instances.
#include <charconv>

#include "conf/option_table.h"

namespace isthmus::conf {
namespace {

/// "1024-65535" into Pool::first_port and last_port.
Checked read_ports(const Node& node, const Range& range, const std::string& path, void* object) {
  auto& pool = *static_cast<Pool*>(object);
  const auto expected =
      fmt::format("a port range \"FIRST-LAST\" within {}-{}, FIRST <= LAST", range.min, range.max);
  if (node.kind != Node::Kind::kString) return wrong(node, path, expected);
  const char* const end = node.text.data() + node.text.size();
  int64_t first = 0;
  int64_t last = 0;
  const auto one = std::from_chars(node.text.data(), end, first);
  if (one.ec != std::errc{} || one.ptr == end || *one.ptr != '-') {
    return wrong(node, path, expected);
  }
  const auto two = std::from_chars(one.ptr + 1, end, last);
  if (two.ec != std::errc{} || two.ptr != end || first < range.min || last > range.max ||
      first > last) {
    return wrong(node, path, expected);
  }
  pool.first_port = static_cast<uint16_t>(first);
  pool.last_port = static_cast<uint16_t>(last);
  return std::nullopt;
}

constexpr Field kPortsField{[] { return std::string("port range"); }, read_ports,
                            [](const void* object) {
                              const auto& pool = *static_cast<const Pool*>(object);
                              return fmt::format("\"{}-{}\"", pool.first_port, pool.last_port);
                            }};

constexpr int64_t kWeek = 7 * 24 * 3600;

constexpr Option kOptions[] = {
    {"nat64[].name", member<&Nat64::name>(), kRestart, kName, "", false,
     "Name, shown by isthmusctl and given in dns64.nat64."},
    {"nat64[].prefixes",
     member<&Nat64::prefixes>(),
     kRestart,
     {},
     "",
     false,
     "IPv6 prefixes that stand for the IPv4 Internet (RFC 6052)."},
    {"nat64[].sources",
     member<&Nat64::sources>(),
     kRestart,
     {},
     "",
     false,
     "IPv6 hosts that this instance serves, the longest match among instances that share a "
     "prefix; none: those that no other one serves."},
    {"nat64[].pools[].name", member<&Pool::name>(), kRestart, kName, "", false,
     "Name, unique in the instance."},
    {"nat64[].pools[].addresses",
     member<&Pool::ranges>(),
     kRestart,
     {},
     "",
     true,
     "The pool: prefixes, ranges and single addresses."},
    {"nat64[].pools[].ports",
     kPortsField,
     kRestart,
     {1, 65535},
     "",
     false,
     "Ports (and ICMP identifiers) to use. To be given when the gateway itself has one of the "
     "addresses: the ports outside remain its own."},
    {"nat64[].timers.udp",
     member<&Nat64::timers, &Timers::udp>(),
     kLive,
     {120, kWeek},
     "seconds",
     false,
     "Idle UDP session (RFC 4787 REQ-5: at least 120)."},
    {"nat64[].timers.tcp_established",
     member<&Nat64::timers, &Timers::tcp_established>(),
     kLive,
     {7200, kWeek},
     "seconds",
     false,
     "Idle open connection, until it is probed (RFC 6146 4)."},
    {"nat64[].timers.tcp_opening",
     member<&Nat64::timers, &Timers::tcp_opening>(),
     kLive,
     {4, kWeek},
     "seconds",
     false,
     "Connection half open (RFC 7857 2)."},
    {"nat64[].timers.tcp_closing",
     member<&Nat64::timers, &Timers::tcp_closing>(),
     kLive,
     {240, kWeek},
     "seconds",
     false,
     "Connection closing (RFC 5382 REQ-5: at least 240)."},
    {"nat64[].timers.tcp_incoming_syn",
     member<&Nat64::timers, &Timers::tcp_incoming_syn>(),
     kLive,
     {6, 240},
     "seconds",
     false,
     "Unexpected SYN from outside kept (RFC 5382 REQ-4: at least 6)."},
    {"nat64[].timers.icmp",
     member<&Nat64::timers, &Timers::icmp>(),
     kLive,
     {60, kWeek},
     "seconds",
     false,
     "Idle ICMP query session (RFC 5508 REQ-2: at least 60)."},
    {"nat64[].timers.udp_short",
     member<&Nat64::timers, &Timers::udp_short>(),
     kLive,
     {2, kWeek},
     "seconds",
     false,
     "Idle UDP session that an inside host opened to one of udp_short_ports."},
    {"nat64[].timers.udp_short_ports",
     member<&Nat64::timers, &Timers::udp_short_ports>(),
     kLive,
     {0, 1023},
     "",
     false,
     "Well-known destination ports of short exchanges, like [53, 123] (RFC 4787 REQ-5 a)."},
    {"nat64[].timers.fragment",
     member<&Nat64::timers, &Timers::fragment>(),
     kLive,
     {2, 60},
     "seconds",
     false,
     "Fragments kept that wait for the first (RFC 6146 4: at least 2)."},
    {"nat64[].static[].protocol",
     member<&Static::protocol>(),
     kLive,
     {},
     "",
     false,
     "Protocol of the ports; any: the whole addresses, all of TCP, UDP and ICMP."},
    {"nat64[].static[].inside", member<&Static::inside>(), kLive, {}, "", true, "Inside host."},
    {"nat64[].static[].inside_port",
     member<&Static::inside_port>(),
     kLive,
     {0, 65535},
     "",
     false,
     "Its port, or ICMP identifier."},
    {"nat64[].static[].outside",
     member<&Static::outside>(),
     kLive,
     {},
     "",
     true,
     "Address of one of the instance's pools."},
    {"nat64[].static[].outside_port",
     member<&Static::outside_port>(),
     kLive,
     {0, 65535},
     "",
     false,
     "Port of that address; it may lie outside the pool's range."},
    {"nat64[].inbound_refresh.udp",
     member<&Nat64::inbound_refresh, &InboundRefresh::udp>(),
     kLive,
     {},
     "",
     false,
     "UDP from outside keeps its session alive (RFC 4787 REQ-6 a)."},
    {"nat64[].inbound_refresh.tcp",
     member<&Nat64::inbound_refresh, &InboundRefresh::tcp>(),
     kLive,
     {},
     "",
     false,
     "TCP from outside keeps its session alive; false: it only changes its state."},
    {"nat64[].inbound_refresh.icmp",
     member<&Nat64::inbound_refresh, &InboundRefresh::icmp>(),
     kLive,
     {},
     "",
     false,
     "Echo from outside keeps its session alive."},
    {"nat64[].tcp.rst_closes_half_closed",
     member<&Nat64::tcp, &TcpChoices::rst_closes_half_closed>(),
     kLive,
     {},
     "",
     false,
     "RST after one side's FIN ends the session within tcp_closing; false: RFC 6146 literally."},
    {"nat64[].tcp.syn_reopens_closed",
     member<&Nat64::tcp, &TcpChoices::syn_reopens_closed>(),
     kLive,
     {},
     "",
     false,
     "SYN after both FINs or a RST begins a new connection; false: RFC 6146 literally."},
    {"nat64[].filtering",
     member<&Nat64::filtering>(),
     kLive,
     {},
     "",
     false,
     "Who may send to a binding from outside: anyone, or addresses it sent to (RFC 6146 3.5)."},
    {"nat64[].policy.lowest_ipv6_mtu",
     member<&Nat64::policy, &TranslationPolicy::lowest_ipv6_mtu>(), kLive, kMtu, "bytes", false,
     kMtuHelp},
    {"nat64[].policy.copy_traffic_class",
     member<&Nat64::policy, &TranslationPolicy::copy_traffic_class>(),
     kLive,
     {},
     "",
     false,
     kCopyClassHelp},
    {"nat64[].policy.fixed_traffic_class",
     member<&Nat64::policy, &TranslationPolicy::fixed_traffic_class>(), kLive, kClass, "", false,
     kFixedClassHelp},
    {"nat64[].policy.udp_zero_4to6",
     member<&Nat64::policy, &TranslationPolicy::udp_zero_4to6>(),
     kLive,
     {},
     "",
     false,
     kZero46Help},
    {"nat64[].policy.udp_zero_6to4",
     member<&Nat64::policy, &TranslationPolicy::udp_zero_6to4>(),
     kLive,
     {},
     "",
     false,
     kZero64Help},
    {"nat64[].policy.allow_non_global",
     member<&Nat64::policy, &TranslationPolicy::allow_non_global>(),
     kLive,
     {},
     "",
     false,
     kNonGlobalHelp},
};

}  // namespace

std::span<const Option> nat64_options() {
  return kOptions;
}

}  // namespace isthmus::conf
