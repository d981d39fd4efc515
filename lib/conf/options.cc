// SPDX-License-Identifier: BSD-3-Clause
// The table joined. An option is a line of one of its parts (option_table.h); unit tests try the
// bounds of every line, and a test fails until doc/generated/config.md is made again.
#include <algorithm>

#include "conf/option_table.h"

namespace isthmus::conf {
namespace {

constexpr Section kSections[] = {
    {"cores", "Which CPUs do what. Workers poll; keep other programs off them."},
    {"memory", "What the packet engine (DPDK) takes at start."},
    {"limits", "Sizes of tables, all workers together, and what one subscriber may take."},
    {"control", "The socket that isthmusctl talks to."},
    {"metrics", "Figures for a monitoring system."},
    {"events", "What workers report for logs and exporters, beside counting it."},
    {"log", "What goes to the journal."},
    list<&Config::ports>("ports[]", true, "Network ports taken over from the kernel."),
    list<&Port::interfaces>("ports[].interfaces[]", false,
                            "VLAN sub-interfaces of a port. Each has a twin in the kernel, a TAP "
                            "named PORT, or PORT.VLAN for tagged frames."),
    list<&Config::routes>("routes[]", false,
                          "Static routes, put into the kernel beside those of routing daemons."),
    list<&Config::nat64>("nat64[]", false, "Stateful NAT64 instances (RFC 6146)."),
    live_list<&Nat64::pools>("nat64[].pools[]", "nat64[].pools[].name",
                             "IPv4 addresses and ports lent to IPv6 hosts."),
    {"nat64[].timers",
     "Lifetimes of sessions (RFC 6146 4). Shorter ones than the RFCs allow are "
     "refused."},
    list<&Nat64::statics>("nat64[].static[]", false,
                          "Static bindings (RFC 6146 3.1): a port, or a whole address."),
    {"nat64[].inbound_refresh",
     "Whether packets from outside keep sessions alive (RFC 4787 REQ-6, RFC 6146 5.3)."},
    {"nat64[].tcp", "Where RFC 6146 3.5.2 leaves a gap."},
    {"nat64[].policy", "Choices that RFC 7915 leaves to the operator."},
    {"nat64[].access",
     "Who may open flows, by both ends. The longest prefix decides; a list that allows some denies "
     "all others. Flows that exist are left alone, also by a reload."},
    list<&Config::siit>("siit[]", false, "Stateless translators (RFC 7915)."),
    list<&Siit::eam>("siit[].eam[]", false,
                     "Explicit address mappings (RFC 7757). The longest match counts; they come "
                     "before `prefix`."),
    {"siit[].policy", "Choices that RFC 7915 leaves to the operator."},
    {"siit[].access",
     "Whose packets are translated, by both ends, as for nat64[].access; asked for each packet but "
     "ICMP errors."},
    {"forwarding", "What the gateway does as a router, besides translating."},
    {"addresses",
     "Amendments to the lists of special IPv4 addresses, for NAT64, stateless translation and "
     "DNS64 alike."},
    {"dns64", "DNS64 (RFC 6147): given this group, queries to `listen` are answered."},
    list_in<&Config::dns64, &Dns64::ranges>(
        "dns64.ranges[]",
        "Prefixes for ranges of IPv4 addresses (RFC 6147 5). The longest range counts; the rest "
        "has the prefix of the NAT64 instance."),
    list_in<&Config::dns64, &Dns64::clients>(
        "dns64.clients[]", "Clients with a policy of their own. The longest prefix counts."),
    list_in<&Config::dns64, &Dns64::names>(
        "dns64.names[]",
        "Rules for names: \"www.example\" is that name, \"*.example\" all below it, "
        "\".example\" both. The longest counts."),
    list_in<&Config::dns64, &Dns64::zones>(
        "dns64.zones[]", "Zones that are served here from a file, or have resolvers of their own."),
    {"pcp", "Ports on request (RFC 6887): given this group, inside hosts may ask for some."},
    {"export", "Who is told of NAT events. A slow or dead collector never slows traffic."},
    list_in<&Config::exports, &Exports::ipfix>("export.ipfix[]",
                                               "Collectors of IPFIX (RFC 7011, RFC 8158)."),
    list_in<&Config::exports, &Exports::syslog>("export.syslog[]",
                                                "Receivers of syslog messages (RFC 5424)."),
    list_in<&Config::exports, &Exports::files>("export.files[]",
                                               "Files of syslog messages, one a line."),
};

std::vector<Option> join() {
  std::vector<Option> all;
  for (const auto part :
       {system_options(), nat64_options(), pool_options(), siit_options(), access_options(),
        dns64_options(), dns64_list_options(), pcp_options(), export_options()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

}  // namespace

std::span<const Option> options() {
  static const std::vector<Option> all = join();
  return all;
}
std::span<const Section> sections() {
  return kSections;
}

const Option* find_option(std::string_view path) {
  const auto all = options();
  const auto found = std::ranges::find(all, path, &Option::path);
  return found == all.end() ? nullptr : &*found;
}

}  // namespace isthmus::conf
