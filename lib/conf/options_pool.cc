// SPDX-License-Identifier: BSD-3-Clause
// Options of pools.
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

constexpr Range kSeconds{0, 24 * 3600};

constexpr Option kPoolOptions[] = {
    {"nat64[].pools[].name", member<&Pool::name>(), kLive, kName, "", false,
     "Name, unique in the instance. A reload knows pools by it."},
    {"nat64[].pools[].addresses",
     member<&Pool::ranges>(),
     kLive,
     {},
     "",
     true,
     "The pool: prefixes, ranges and single addresses. Those of a deterministic pool need a "
     "restart to change."},
    {"nat64[].pools[].ports",
     kPortsField,
     kRestart,
     {1, 65535},
     "",
     false,
     "Ports (and ICMP identifiers) to use. To be given when the gateway itself has one of the "
     "addresses: the ports outside remain its own."},
    {"nat64[].pools[].drain",
     member<&Pool::drain>(),
     kLive,
     {},
     "",
     false,
     "Make no new bindings here; those there are live on."},
    {"nat64[].pools[].allocation",
     member<&Pool::allocation>(),
     kRestart,
     {},
     "",
     false,
     "Any free port; one of a block that the subscriber has for itself; or one that follows from "
     "its prefix by RFC 7422."},
    {"nat64[].pools[].block_size",
     member<&Pool::block_size>(),
     kRestart,
     {64, 8192},
     "ports",
     false,
     "Blocks: size of one, a power of two. It holds as many ports of TCP, of UDP and of ICMP."},
    {"nat64[].pools[].blocks_per_subscriber",
     member<&Pool::blocks_per_subscriber>(),
     kLive,
     {1, 64},
     "blocks",
     false,
     "Blocks: how many one subscriber may have."},
    {"nat64[].pools[].block_release_delay", member<&Pool::block_release_delay>(), kLive, kSeconds,
     "seconds", false,
     "Blocks: how long one stays with its subscriber after its last port was freed (RFC 6888 "
     "REQ-8: at least 120)."},
    {"nat64[].pools[].inside",
     member<&Pool::inside>(),
     kRestart,
     {},
     "",
     false,
     "Deterministic: the prefix of all subscribers among whom the pool is divided. Each is a "
     "prefix "
     "of limits.subscriber_prefix bits."},
    {"nat64[].pools[].overflow",
     member<&Pool::overflow>(),
     kLive,
     {},
     "",
     false,
     "Deterministic: a subscriber whose ports are used up gets some of the instance's other pools "
     "(RFC 7422 2)."},
    {"nat64[].pools[].hold_down", member<&Pool::hold_down>(), kLive, kSeconds, "seconds", false,
     "Dynamic: how long a freed UDP port or ICMP identifier rests (RFC 6888 REQ-8: at least 120)."},
    {"nat64[].pools[].hold_down_ports",
     member<&Pool::hold_down_ports>(),
     kRestart,
     {0, 1 << 26},
     "ports",
     false,
     "Dynamic: how many may rest at one time; of more, the oldest is free first (RFC 6888 REQ-8)."},
    {"nat64[].pools[].pairing",
     member<&Pool::pairing>(),
     kLive,
     {},
     "",
     false,
     "When a subscriber's address has no port left: refuse, or use another address (RFC 7857 4)."},
    {"nat64[].pools[].preserve_port_class",
     member<&Pool::preserve_port_class>(),
     kLive,
     {},
     "",
     false,
     "Prefer ports below 1024 for such ports, others for others (RFC 4787 REQ-3)."},
    {"nat64[].pools[].preserve_parity",
     member<&Pool::preserve_parity>(),
     kLive,
     {},
     "",
     false,
     "UDP: prefer even ports for even ports, odd for odd (RFC 4787 REQ-4)."},
    {"nat64[].pools[].alarm",
     member<&Pool::alarm>(),
     kLive,
     {0, 100},
     "percent",
     false,
     "Warn in the log, and tell exporters of exhaustion (RFC 8158 4.6.8.2), when so much of the "
     "pool is in use, of ports of one protocol or of blocks; 0: never (RFC 7422 2.2)."},
};

}  // namespace

std::span<const Option> pool_options() {
  return kPoolOptions;
}

}  // namespace isthmus::conf
