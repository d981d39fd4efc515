// SPDX-License-Identifier: BSD-3-Clause
// Options of the DNS64 service that come in lists: ranges, clients, names, zones.
#include "conf/option_table.h"

namespace isthmus::conf {
namespace {

constexpr Range kPath{1, 4095};
constexpr Range kDomain{1, 255};

constexpr Option kDns64ListOptions[] = {
    {"dns64.ranges[].ipv4", member<&DnsRange::ipv4>(), kLive, {}, "", false, "The range."},
    {"dns64.ranges[].prefixes",
     member<&DnsRange::prefixes>(),
     kLive,
     {},
     "",
     false,
     "IPv6 prefixes of the translators for it, one AAAA each; empty: do not synthesise."},
    {"dns64.clients[].name", member<&DnsClients::name>(), kLive, kName, "", false,
     "Name, unique among clients."},
    {"dns64.clients[].addresses",
     member<&DnsClients::addresses>(),
     kLive,
     {},
     "",
     false,
     "Their addresses. Where several entries hold a client, the longest prefix counts."},
    {"dns64.clients[].policy",
     member<&DnsClients::policy>(),
     kLive,
     {},
     "",
     false,
     "Synthesis as for everybody, never, always (real AAAA records count as absent); or refuse "
     "their queries."},
    {"dns64.clients[].prefixes",
     member<&DnsClients::prefixes>(),
     kLive,
     {},
     "",
     false,
     "Prefixes for their synthesised addresses; empty: those of everybody."},
    {"dns64.names[].name", member<&DnsNames::name>(), kLive, kName, "", false,
     "Name of the list, unique."},
    {"dns64.names[].action",
     member<&DnsNames::action>(),
     kLive,
     {},
     "",
     false,
     "No synthesis, synthesis even where there are real AAAA records, or NXDOMAIN."},
    {"dns64.names[].names", member<&DnsNames::names>(), kLive, kDomain, "", false, "The names."},
    {"dns64.names[].file", member<&DnsNames::file>(), kLive, kPath, "", false,
     "File of more names, one a line, read at every reload; lines like \"0.0.0.0 name\" are taken "
     "too."},
    {"dns64.zones[].name", member<&DnsZone::name>(), kLive, kDomain, "", false,
     "The zone; \".\" with hosts: names of any zone."},
    {"dns64.zones[].upstreams",
     member<&DnsZone::upstreams>(),
     kLive,
     {},
     "",
     false,
     "Resolvers to ask for names in it."},
    {"dns64.zones[].hosts", member<&DnsZone::hosts>(), kLive, kPath, "", false,
     "File in hosts format, read at every reload; addresses get their reverse names too."},
    {"dns64.zones[].file", member<&DnsZone::file>(), kLive, kPath, "", false,
     "Master file (RFC 1035 5), read at every reload."},
};

}  // namespace

std::span<const Option> dns64_list_options() {
  return kDns64ListOptions;
}

}  // namespace isthmus::conf
