// SPDX-License-Identifier: BSD-3-Clause
#include "control/command_table.h"

#include <algorithm>

namespace isthmus::control {
namespace {

using enum ArgumentKind;

constexpr Argument kInside{"inside", kPrefix6, "IPv6 hosts inside PREFIX"};
constexpr Argument kOutsideArg{"outside", kOutside, "pool address or prefix, and port"};
constexpr Argument kProtocolArg{"protocol", kAnyProtocol,
                                "tcp, udp, icmp, or one without ports by name or number"};
constexpr Argument kRemote{"remote", kPrefix4, "IPv4 peers inside PREFIX"};
constexpr Argument kLimit{"limit", kCount, "stop after so many"};

constexpr Argument kSessionArguments[] = {kInside, kOutsideArg, kProtocolArg, kRemote, kLimit};
constexpr Argument kStaticFlag{"static", kFlag, "only those of the file and of \"add static\""};
constexpr Argument kBindingArguments[] = {kInside, kOutsideArg, kProtocolArg, kLimit, kStaticFlag};
constexpr Argument kStaticOutside{"outside", kOutside, "pool address, and port with a protocol"};
constexpr Argument kAddStaticArguments[] = {
    {"protocol", kProtocol, "tcp, udp or icmp; without it the whole addresses are bound"},
    {"inside", kHost, "inside host, and its port (ICMP: identifier) with a protocol"},
    kStaticOutside,
    {"persist", kFlag, "keep it over a restart, in control.static_file"}};
constexpr Argument kRemoveStaticArguments[] = {
    {"protocol", kProtocol, "tcp, udp or icmp; without it a whole address"}, kStaticOutside};
constexpr Argument kBlockArguments[] = {
    {"inside", kPrefix6, "blocks of subscribers inside PREFIX, or of the one that has it"},
    {"outside", kOutside, "blocks of a pool address or prefix, and the one that holds a port"},
    kLimit};
constexpr Argument kDeterministicArguments[] = {
    {"inside", kPrefix6, "address of a host: which address and ports has its subscriber"},
    {"outside", kOutside, "pool address and port: whose is it"}};
constexpr Argument kWhoArguments[] = {
    {"outside", kOutside, "pool address and port"},
    {"protocol", kProtocol, "tcp, udp or icmp; without it all three"},
    {"at", kTime, "when, like 2026-11-26T17:40:00Z or in seconds since 1970; without it now"}};
constexpr Argument kPoolArgument[] = {
    {"NAME", kRest, "the pool; INSTANCE/NAME where two instances have one of that name"}};
constexpr Argument kSubscriberArguments[] = {
    {"inside", kPrefix6, "subscribers inside PREFIX, or the one that has it"},
    {"outside", kPrefix4, "subscribers that are paired with a pool address inside PREFIX"},
    kLimit};
constexpr Argument kTopArguments[] = {{"limit", kCount, "so many, 10 if not given"}};
constexpr Argument kWatchArguments[] = {
    {"COMMAND", kRest, "[every SECONDS] [times N] COMMAND; every 2 s, until Ctrl-C, if not given"}};
constexpr Argument kTopScreen[] = {
    {"EVERY", kRest, "[every SECONDS] [times N]; every 2 s, until q or Ctrl-C, if not given"}};
constexpr Argument kClearSessionArguments[] = {kInside, kOutsideArg, kProtocolArg, kRemote};
constexpr Argument kClearBindingArguments[] = {kInside, kOutsideArg, kProtocolArg};
constexpr Argument kEamArguments[] = {
    kInside, {"outside", kPrefix4, "IPv4 addresses inside PREFIX"}, kLimit};
constexpr Argument kMappingArguments[] = {kInside, kLimit};
constexpr Argument kDns64Parts[] = {
    {"cache", kFlag, "the thousand answers used last"},
    {"upstreams", kFlag, "resolvers: state, round-trip time, answers"},
    {"clients", kFlag, "clients with a policy, and those who wait for an answer"},
    {"zones", kFlag, "zones of our own, forwarded zones, rules for names"},
    {"cores", kFlag, "DNS cores and how the clients are spread over them"}};
constexpr Argument kDns64QueryArguments[] = {
    {"NAME", kRest, "NAME [TYPE] [--trace]; without a type AAAA, with --trace every decision"}};
constexpr Argument kDns64CacheName[] = {{"NAME", kRest, "forget this name only"}};
constexpr Argument kAllArgument[] = {{"all", kFlag, "also those that are zero"}};
constexpr Argument kConfigArguments[] = {
    {"--defaults", kFlag, "all options, also those left at their default"},
    {"--diff", kFlag,
     "what differs from the file; between \"begin\" and \"commit\", what the group changes"},
    {"--file", kFlag, "the running configuration as the text that \"save\" writes"},
    {"--text", kFlag, "the same; isthmusctl itself takes --file on its own command line"}};
constexpr Argument kSetArguments[] = {
    {"PATH VALUE", kRest, "an option, like nat64.main.timers.udp, and its value"}};
constexpr Argument kAddArguments[] = {
    {"PATH VALUE", kRest, "a list and a value of it, or { ... } for an element that is a group"}};
constexpr Argument kRemoveArguments[] = {
    {"PATH [VALUE]", kRest, "an option, an element, a group; or a list and one of its values"}};
constexpr Argument kCommitArguments[] = {
    {"--anyway", kFlag, "although a line of the group failed; what failed is not in it"}};
constexpr Argument kSaveArguments[] = {
    {"NAME", kRest,
     "[NAME.conf] [--force]; a new file beside the configuration; force: replace what is there"}};
constexpr Argument kHealthArguments[] = {
    {"--dns", kFlag, "without an upstream of DNS64 it has failed, and is not only degraded"}};
constexpr Argument kSimulateArguments[] = {
    {"PACKET", kRest,
     "[on INTERFACE] udp|tcp SOURCE PORT DESTINATION PORT [flags SAFRPU], "
     "or icmp SOURCE DESTINATION [id N] [reply], each with [hops N] [size N]; or hexadecimal"}};
constexpr Argument kCaptureArguments[] = {
    {"WHAT", kRest,
     "drops|punts|port NAME [count N] [seconds N] [megabytes N] [filter EXPRESSION] FILE"}};
constexpr Argument kTraceArguments[] = {
    {"WHAT", kRest,
     "[count N] [seconds N] [filter EXPRESSION]; a pcap-filter(7) of packets without link header"}};
constexpr Argument kHelpArgument[] = {{"COMMAND", kRest, "the command to explain"}};
constexpr Argument kCompleteArgument[] = {{"PARTIAL", kRest, "a line being typed"}};

constexpr bool kChanges = true;
constexpr bool kStream = true;

constexpr Command kCommands[] = {
    {"show version",
     Action::kShowVersion,
     {},
     false,
     false,
     "Version and build facts of the running daemon.",
     "one object, a field for each fact"},
    {"show ports",
     Action::kShowPorts,
     {},
     false,
     false,
     "Ports: device, driver, link, queues, and what they counted.",
     "ports: [name, device, driver, link, speed_mbps, queues, packets, bytes, errors]"},
    {"show interfaces",
     Action::kShowInterfaces,
     {},
     false,
     false,
     "Interfaces with their addresses, and traffic with their twins in the kernel.",
     "interfaces: [name, port, vlan, mtu, mac, addresses, twin counters]"},
    {"show workers",
     Action::kShowWorkers,
     {},
     false,
     false,
     "Workers: CPU, queues, load, packets.",
     "workers: [worker, cpu, numa_node, queues, busy_percent, packets, sessions, bindings]"},
    {"show counters", Action::kShowCounters, kAllArgument, false, false,
     "What workers counted, summed, since start or the last clear.",
     "counters: [name, value, help]"},
    {"show drops", Action::kShowDrops, kAllArgument, false, false, "Packets dropped, by reason.",
     "drops: [reason, packets, help]"},
    {"show pools",
     Action::kShowPools,
     {},
     false,
     false,
     "Pools: how much of each is lent, and rests.",
     "pools: [nat64, pool, allocation, drain, addresses, ports, capacity, used_tcp, used_udp, "
     "used_icmp, used_percent, held_down, blocks, blocks_granted, blocks_resting]"},
    {"show blocks", Action::kShowBlocks, kBlockArguments, false, kStream,
     "Port blocks: which subscriber has which.",
     "a line for each: inside, outside, first_port, last_port, nat64, pool, used_tcp, used_udp, "
     "used_icmp, resting, returns_in_ms"},
    {"show bindings", Action::kShowBindings, kBindingArguments, false, kStream,
     "Bindings: which pool address and port a host has.",
     "a line for each: protocol, inside, inside_port, outside, outside_port, nat64, static, "
     "leased (by PCP), sessions"},
    {"show sessions", Action::kShowSessions, kSessionArguments, false, kStream,
     "Sessions: who talks to whom, and how much.",
     "a line for each: protocol, inside, inside_port, outside, outside_port, remote, remote_port, "
     "state, idle_ms, expires_in_ms, packets and bytes both ways, nat64"},
    {"show subscribers", Action::kShowSubscribers, kSubscriberArguments, false, kStream,
     "Subscribers: inside prefixes that have bindings, and what each takes.",
     "a line for each: subscriber, outside, nat64, sessions, tcp, udp, icmp (bindings), blocks"},
    {"show top subscribers", Action::kShowTopSubscribers, kTopArguments, false, false,
     "Subscribers with the most sessions.",
     "subscribers: [subscriber, outside, nat64, sessions, tcp, udp, icmp, blocks]"},
    {"show top pools", Action::kShowTopPools, kTopArguments, false, false, "The fullest pools.",
     "pools: as \"show pools\""},
    {"show top drops", Action::kShowTopDrops, kTopArguments, false, false,
     "The reasons for which most packets were dropped.", "drops: [reason, packets, help]"},
    {"show siit",
     Action::kShowSiit,
     {},
     false,
     false,
     "Stateless instances: prefix, mappings, hairpinning.",
     "siit: [siit, prefix, inside4, mappings, overlapping, eam_file, hairpinning, "
     "icmp_source_pool]"},
    {"show eam", Action::kShowEam, kEamArguments, false, kStream,
     "Explicit address mappings (RFC 7757) in force.", "a line for each: inside, outside, siit"},
    {"show pcp",
     Action::kShowPcp,
     {},
     false,
     false,
     "The PCP server (RFC 6887): what was asked of it.",
     "enabled; listen, epoch_ms, mappings, requests, answered, refused, ignored, expired"},
    {"show export",
     Action::kShowExport,
     {},
     false,
     false,
     "Collectors of NAT events: whether they are reached, what they were sent, what was lost.",
     "export: [kind, collector, state, since_ms, connections, records, messages, bytes, queued, "
     "lost, last_error]"},
    {"show mappings", Action::kShowMappings, kMappingArguments, false, kStream,
     "Ports that inside hosts asked for by PCP.",
     "a line for each: protocol, inside, inside_port, outside, outside_port, expires_in_ms"},
    {"show routes",
     Action::kShowRoutes,
     {},
     false,
     false,
     "Routes that workers use.",
     "routes: [prefix, via, interface]"},
    {"show neighbors",
     Action::kShowNeighbors,
     {},
     false,
     false,
     "Neighbors and their link addresses, and the queue of packets that wait for one.",
     "neighbors: [address, interface, mac]; waiting, released, dropped"},
    {"show steering",
     Action::kShowSteering,
     {},
     false,
     false,
     "How packets find the worker that owns them: what the device was told, how many it took to "
     "another worker, and how many of these it ought not to have.",
     "steering: [port, rung, mode4, received, handed_off, handed_off_percent, mismatched, entries, "
     "key]"},
    {"show dns64", Action::kShowDns64, kDns64Parts, false, false,
     "What the DNS64 service did, or one part of it.",
     "dns64: [name, value, help]; cache: [name, type, rcode, ttl, uses, octets]; upstreams: "
     "[upstream, zone, state, rtt_ms, sent, answers, failures, "
     "trouble]; clients: [clients, policy, "
     "waiting]; zones: [zone, kind, source, count]; cores: [core, cpu, state, queries, cache_hits, "
     "waiting, cache_entries]"},
    {"show config", Action::kShowConfig, kConfigArguments, false, false,
     "Options that are not left at their default, and whether they can change live.",
     "options: [option, value, default, unit, change]; with --diff: differences: [option, file (in "
     "a group: before), running (in a group: after)], restart: options that need one; with --file: "
     "file, text"},
    {"show memory",
     Action::kShowMemory,
     {},
     false,
     false,
     "Where memory goes: each table of each worker, packet buffers, forwarding tables, the rest; "
     "how "
     "large, how full; their sum, and what the process has.",
     "memory: [worker, sessions, session_capacity, bindings, binding_capacity, subscribers, "
     "subscriber_capacity, table_bytes]; parts: [owner, part, bytes, capacity, used]; sum_bytes, "
     "resident_bytes, reserved_huge_bytes, transparent_huge_bytes"},
    {"health", Action::kHealth, kHealthArguments, false, false,
     "Whether the gateway does its work, and why not, in a line, for routers and load balancers. "
     "Exit code of isthmusctl: 0 healthy or degraded, 1 failed, 3 no answer within 5 seconds.",
     "health: healthy, degraded or failed; why; checks: [check, health, text]"},
    {"clear sessions", Action::kClearSessions, kClearSessionArguments, kChanges, false,
     "End sessions that match, and bindings left without one.", "cleared: how many"},
    {"clear bindings", Action::kClearBindings, kClearBindingArguments, kChanges, false,
     "Remove dynamic bindings that match, with their sessions.", "cleared: how many"},
    {"add static", Action::kAddStatic, kAddStaticArguments, kChanges, false,
     "Bind a pool address and port, or a whole address, to an inside host.",
     "added: the binding in words"},
    {"remove static", Action::kRemoveStatic, kRemoveStaticArguments, kChanges, false,
     "End a static binding that \"add static\" made, and its sessions.",
     "removed: the binding in words"},
    {"clear counters",
     Action::kClearCounters,
     {},
     kChanges,
     false,
     "Let counters and drop reasons start from zero.",
     "cleared: \"counters\""},
    {"clear dns64 cache", Action::kClearDns64Cache, kDns64CacheName, kChanges, false,
     "Forget cached DNS answers: all, or those of one name.",
     "cleared: \"dns64 cache\", or how many"},
    {"dns64 query", Action::kDns64Query, kDns64QueryArguments, false, false,
     "Ask DNS64 as a client would, and see what it decided.", "answer, steps"},
    {"simulate", Action::kSimulate, kSimulateArguments, false, false,
     "What would become of an IP packet now: asked of the worker that owns it, changing nothing.",
     "simulated, outcome, reason, why, limit, interface, nat64 or siit, worker, session, binding, "
     "protocol, inside, outside and remote with their ports, state, expires_in_ms, state_after, "
     "expires_after_ms, packet, bytes, next_hop, egress, port, link_address; of a packet that is "
     "turned around the same again, with second_ in front"},
    {"capture", Action::kCapture, kCaptureArguments, false, false,
     "Write what is dropped (with the reason), what is punted, or all of a port to a pcapng FILE, "
     "until Ctrl-C (by isthmusctl).",
     "on the socket: \"start WHAT [filter EXPRESSION]\", then \"read\" at least every 10 seconds "
     "(packets: [unix_ns, way, reason, port, worker, link, length, comment, bytes]; lost), "
     "\"stop\""},
    {"trace", Action::kTrace, kTraceArguments, false, false,
     "What becomes of packets that go through, one by one: instance, worker, binding and session "
     "found or made, state before and after, the translated packet, its next hop, or why not; "
     "until "
     "Ctrl-C (by isthmusctl).",
     "on the socket: \"start [filter EXPRESSION]\", then \"read\" at least every 10 seconds "
     "(steps: "
     "[unix_ns, parsed, half, received_by, and the fields of \"simulate\" but simulated and bytes, "
     "punted]; lost), \"stop\""},
    {"deterministic", Action::kDeterministic, kDeterministicArguments, false, false,
     "Ask a deterministic pool: inside ADDRESS, or outside ADDRESS:PORT (RFC 7422 2).",
     "nat64, pool, inside, outside, first_port, last_port"},
    {"who", Action::kWho, kWhoArguments, false, false,
     "Whose was a pool address and port: by a deterministic pool's arithmetic, or by tables as far "
     "back as they prove it; else what to search the log for. Words may have \"--\" before them.",
     "outside, outside_port, at, note, holders: [protocol, subscriber, inside, inside_port, nat64, "
     "by, since_at_least, certain]; exporters: how many; search_for: [field, value]"},
    {"drain pool", Action::kDrainPool, kPoolArgument, kChanges, false,
     "Make no new bindings in a pool, until undrain or reload; those there are live on.",
     "drained: the pool"},
    {"undrain pool", Action::kUndrainPool, kPoolArgument, kChanges, false,
     "Make new bindings in a pool again.", "undrained: the pool"},
    {"reload",
     Action::kReload,
     {},
     kChanges,
     false,
     "Read the configuration file again. An error leaves everything as it was.",
     "reload: \"done\""},
    {"set", Action::kSet, kSetArguments, kChanges, false,
     "Change an option of the running gateway, checked as the file is; the file stays as it is.",
     "changed: [option, before, after]; in a group: pending"},
    {"add", Action::kAdd, kAddArguments, kChanges, false,
     "Add a value to a list, an element to a list of groups, or an absent group; as \"set\".",
     "changed: [option, before, after]; in a group: pending"},
    {"remove", Action::kRemove, kRemoveArguments, kChanges, false,
     "Remove a value or an element, or let an option return to its default; as \"set\".",
     "changed: [option, before, after]; in a group: pending"},
    {"begin",
     Action::kBegin,
     {},
     kChanges,
     false,
     "Collect what set, add and remove change, until commit applies all of it or nothing. The "
     "group "
     "is this connection's, and ends with it.",
     "group: \"open\""},
    {"commit", Action::kCommit, kCommitArguments, kChanges, false,
     "Check and apply the group. An error leaves everything as it was, and the group open.",
     "changed: [option, before, after]"},
    {"abort", Action::kAbort, {}, kChanges, false, "Forget the group.", "group: \"aborted\""},
    {"save", Action::kSave, kSaveArguments, kChanges, false,
     "Write the running configuration to its file, comments included; what was there goes to "
     "FILE.bak.",
     "saved, previous: files; statics: static bindings of commands, which are not in it"},
    {"watch", Action::kWatch, kWatchArguments, false, false,
     "Run a command again and again, on a screen of its own (by isthmusctl).",
     "that of the command, each time"},
    {"top", Action::kTop, kTopScreen, false, false,
     "A live view: rates by port and worker, pools, subscribers, drops, DNS64 (by isthmusctl).",
     "a screen"},
    {"help", Action::kHelp, kHelpArgument, false, false, "Commands, or one command's arguments.",
     "commands: [command, help], or usage, help, answer, arguments: [argument, help]"},
    {"complete", Action::kComplete, kCompleteArgument, false, false,
     "Words that can come next, for shells.", "words: [...]"},
};

std::string_view placeholder(ArgumentKind kind) {
  switch (kind) {
    case kFlag: return "";
    case kPrefix6:
    case kPrefix4: return "PREFIX";
    case kHost: return "ADDRESS [PORT]";
    case kOutside: return "ADDRESS[:PORT]";
    case kProtocol: return "tcp|udp|icmp";
    case kAnyProtocol: return "tcp|udp|icmp|esp|gre|sctp|N";
    case kCount: return "N";
    case kTime: return "TIME";
    case kRest: return "";
  }
  return "";
}

}  // namespace

std::span<const Command> commands() {
  return kCommands;
}

const Command* find_command(std::string_view path) {
  const auto it = std::find_if(std::begin(kCommands), std::end(kCommands),
                               [&](const Command& c) { return c.path == path; });
  return it == std::end(kCommands) ? nullptr : &*it;
}

std::string usage(const Command& command) {
  std::string out(command.path);
  for (const auto& argument : command.arguments) {
    out += " [" + std::string(argument.word);
    if (const auto value = placeholder(argument.kind); !value.empty()) {
      out += " " + std::string(value);
    }
    out += "]";
  }
  return out;
}

}  // namespace isthmus::control
