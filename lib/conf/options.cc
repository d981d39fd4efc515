// SPDX-License-Identifier: BSD-3-Clause
// The table itself. A line is all there is to adding an option; unit tests try the bounds of every
// line, and a test fails until doc/generated/config.md is made again.
#include <charconv>

#include "conf/member.h"
#include "conf/option.h"

namespace isthmus::conf {
namespace {

constexpr auto kLive = Change::kLive;
constexpr auto kRestart = Change::kRestart;

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

/// A port's own `addresses` are those of its untagged interface, and shown there.
constexpr Field kPortAddressesField{
    [] { return type_name<std::vector<InterfaceAddress>>(); },
    [](const Node& node, const Range& range, const std::string& path, void* object) {
      auto& port = *static_cast<Port*>(object);
      return read_value(node, range, path, port.interfaces.emplace_back().addresses);
    },
    [](const void*) { return std::string(); }};

constexpr Range kCpu{0, 1023};
constexpr Range kName{1, 32};
constexpr Range kTable{1, 1 << 28};
constexpr Range kSwitchable{0, 1 << 28};
constexpr Range kMtu{1280, 9600};
constexpr Range kClass{0, 255};
constexpr int64_t kWeek = 7 * 24 * 3600;

constexpr Section kSections[] = {
    {"cores", "Which CPUs do what. Workers poll; keep other programs off them."},
    {"memory", "What the packet engine (DPDK) takes at start."},
    {"limits", "Sizes of tables, all workers together, and what one subscriber may take."},
    {"control", "The socket that isthmusctl talks to."},
    {"log", "What goes to the journal."},
    list<&Config::ports>("ports[]", true, "Network ports taken over from the kernel."),
    list<&Port::interfaces>("ports[].interfaces[]", false,
                            "VLAN sub-interfaces of a port. Each has a twin in the kernel, a TAP "
                            "named PORT, or PORT.VLAN for tagged frames."),
    list<&Config::routes>("routes[]", false,
                          "Static routes, put into the kernel beside those of routing daemons."),
    list<&Config::nat64>("nat64[]", false, "Stateful NAT64 instances (RFC 6146)."),
    list<&Nat64::pools>("nat64[].pools[]", true, "IPv4 addresses and ports lent to IPv6 hosts."),
    {"nat64[].timers",
     "Lifetimes of sessions (RFC 6146 4). Shorter ones than the RFCs allow are "
     "refused."},
    {"nat64[].policy", "Choices that RFC 7915 leaves to the operator."},
    list<&Config::siit>("siit[]", false, "Stateless translators (RFC 7915)."),
    {"siit[].policy", "Choices that RFC 7915 leaves to the operator."},
    {"dns64", "DNS64 (RFC 6147): given this group, queries to `listen` are answered."},
};

constexpr std::string_view kMtuHelp =
    "Smallest MTU on the IPv6 side: ICMP errors never announce less (RFC 7915 4).";
constexpr std::string_view kCopyClassHelp =
    "Copy the traffic class (TOS) octet; false: set fixed_traffic_class (RFC 7915 4.1, 5.1).";
constexpr std::string_view kFixedClassHelp = "Octet to set when copy_traffic_class is false.";
constexpr std::string_view kZero46Help =
    "UDP over IPv4 without checksum: drop it, compute one, or forward zero (RFC 7915 4.5).";
constexpr std::string_view kZero64Help = "UDP over IPv6 with checksum zero (RFC 6935, 6936).";
constexpr std::string_view kNonGlobalHelp =
    "Let 64:ff9b::/96 carry non-global IPv4 addresses, against RFC 6052 3.1.";

constexpr Option kOptions[] = {
    {"cores.workers", member<&Config::cores, &Cores::workers>(), kRestart, kCpu, "", false,
     "CPU of each worker. A CPU named twice runs two workers."},
    {"cores.control", member<&Config::cores, &Cores::control>(), kRestart, kCpu, "", false,
     "CPU of everything that is not a worker."},
    {"cores.idle",
     member<&Config::cores, &Cores::idle>(),
     kRestart,
     {},
     "",
     false,
     "What a worker without packets does: spin (lowest latency, a full CPU) or yield."},

    {"memory.huge_pages",
     member<&Config::memory, &Memory::huge_pages>(),
     kRestart,
     {},
     "",
     false,
     "Use huge pages: auto takes them when the system has reserved enough."},
    {"memory.megabytes",
     member<&Config::memory, &Memory::megabytes>(),
     kRestart,
     {64, 1 << 20},
     "MiB",
     false,
     "Memory that DPDK may take."},
    {"memory.buffers",
     member<&Config::memory, &Memory::buffers>(),
     kRestart,
     {1024, 1 << 24},
     "packets",
     false,
     "Packet buffers, shared by all ports and workers."},

    {"limits.sessions", member<&Config::limits, &Limits::sessions>(), kRestart, kTable, "sessions",
     false, "Room for sessions. When it is full, new flows are refused and old ones go on."},
    {"limits.bindings", member<&Config::limits, &Limits::bindings>(), kRestart, kTable, "bindings",
     false, "Room for bindings (inside address and port lent a pool address and port)."},
    {"limits.subscribers", member<&Config::limits, &Limits::subscribers>(), kRestart, kTable,
     "subscribers", false, "Room for subscribers with a binding."},
    {"limits.subscriber_sessions", member<&Config::limits, &Limits::subscriber_sessions>(), kLive,
     kSwitchable, "sessions", false, "Sessions that one subscriber may have; 0: no limit."},
    {"limits.subscriber_bindings", member<&Config::limits, &Limits::subscriber_bindings>(), kLive,
     kSwitchable, "bindings", false, "Bindings that one subscriber may have; 0: no limit."},
    {"limits.subscriber_prefix",
     member<&Config::limits, &Limits::subscriber_prefix>(),
     kRestart,
     {1, 64},
     "bits",
     false,
     "Length of the IPv6 prefix that makes a subscriber. Shorter than 64 with several workers, "
     "each "
     "of them counts for itself."},
    {"limits.icmp_errors_per_second",
     member<&Config::limits, &Limits::icmp_errors_per_second>(),
     kRestart,
     {0, 1000000},
     "per second",
     false,
     "ICMP errors that the gateway sends of its own (RFC 4443 2.4 f)."},
    {"limits.neighbor_queue",
     member<&Config::limits, &Limits::neighbor_queue>(),
     kLive,
     {1, 1024},
     "packets",
     false,
     "Packets kept for a neighbor whose link address is being asked for."},

    {"control.socket",
     member<&Config::control, &Control::socket>(),
     kRestart,
     {1, 107},
     "",
     false,
     "Path of the socket; an absolute one."},
    {"control.group",
     member<&Config::control, &Control::group>(),
     kRestart,
     {1, 32},
     "",
     false,
     "Group that may use the socket, if the system has it; otherwise root alone."},
    {"log.level",
     member<&Config::log_level>(),
     kLive,
     {},
     "",
     false,
     "The least important messages to log."},

    {"ports[].name",
     member<&Port::name>(),
     kRestart,
     {1, 15},
     "",
     true,
     "Name, also of the twin in the kernel: letters, digits, '_' and '-'."},
    {"ports[].device",
     member<&Port::device>(),
     kRestart,
     {1, 255},
     "",
     true,
     "PCI address (\"0000:01:00.0\") or DPDK virtual device (\"net_tap0,iface=gw0\")."},
    {"ports[].mtu", member<&Port::mtu>(), kRestart, kMtu, "bytes", false,
     "Largest IP packet on the link."},
    {"ports[].queues",
     member<&Port::queues>(),
     kRestart,
     {0, 64},
     "",
     false,
     "Receive queues; 0: one for each worker, as far as the device has them."},
    {"ports[].rx_descriptors",
     member<&Port::rx_descriptors>(),
     kRestart,
     {64, 32768},
     "packets",
     false,
     "Room of each receive queue."},
    {"ports[].tx_descriptors",
     member<&Port::tx_descriptors>(),
     kRestart,
     {64, 32768},
     "packets",
     false,
     "Room of each transmit queue."},
    {"ports[].addresses",
     kPortAddressesField,
     kRestart,
     {},
     "",
     false,
     "Addresses of the untagged interface; short for interfaces = ({ addresses = ... })."},
    {"ports[].interfaces[].vlan",
     member<&Interface::vlan>(),
     kRestart,
     {0, 4094},
     "",
     false,
     "VLAN identifier; 0: untagged frames."},
    {"ports[].interfaces[].addresses",
     member<&Interface::addresses>(),
     kRestart,
     {},
     "",
     false,
     "Addresses put on the interface's twin."},

    {"routes[].prefix", member<&Route::prefix>(), kLive, {}, "", true, "Destination."},
    {"routes[].via",
     member<&Route::via>(),
     kLive,
     {},
     "",
     true,
     "Gateway, in the subnet of one of the interfaces."},

    {"nat64[].name", member<&Nat64::name>(), kRestart, kName, "", false,
     "Name, shown by isthmusctl and given in dns64.nat64."},
    {"nat64[].prefixes",
     member<&Nat64::prefixes>(),
     kRestart,
     {},
     "",
     false,
     "IPv6 prefixes that stand for the IPv4 Internet (RFC 6052)."},
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
    {"nat64[].timers.fragment",
     member<&Nat64::timers, &Timers::fragment>(),
     kLive,
     {2, 60},
     "seconds",
     false,
     "Fragments kept that wait for the first (RFC 6146 4: at least 2)."},
    {"nat64[].filtering",
     member<&Nat64::filtering>(),
     kRestart,
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

std::span<const Option> options() {
  return kOptions;
}
std::span<const Section> sections() {
  return kSections;
}

}  // namespace isthmus::conf
