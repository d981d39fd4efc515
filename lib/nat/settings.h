// SPDX-License-Identifier: BSD-3-Clause
// What a translator is told at start. Plain data: lib/dataplane fills it from the configuration.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nat/access.h"
#include "nat/events.h"
#include "nat/info.h"
#include "net/addr.h"
#include "net/address_rules.h"
#include "net/hash.h"
#include "net/protocol.h"
#include "net/result.h"
#include "net/rfc6052.h"
#include "steer/ownership.h"
#include "xlat/rewrite.h"
#include "xlat/siit.h"

namespace isthmus::nat {

/// Session lifetimes in seconds (RFC 6146 4; RFC 7857 2 splits the transitory one).
struct Timers {
  uint32_t udp = 300;
  uint32_t tcp_established = 7200;
  uint32_t tcp_opening = 240;
  uint32_t tcp_closing = 240;
  uint32_t tcp_incoming_syn = 6;
  uint32_t icmp = 60;
  uint32_t fragment = 2;
  /// RFC 4787 REQ-5 a: well-known destination ports may have a shorter one.
  uint32_t udp_short = 30;
  std::vector<uint16_t> udp_short_ports;  ///< below kWellKnownPorts
  uint32_t portless = 300;                ///< of Instance::portless
};
inline constexpr uint16_t kWellKnownPorts = 1024;

/// Whether packets from outside keep sessions alive (RFC 4787 REQ-6, RFC 6146 5.3).
struct InboundRefresh {
  bool udp = true;
  bool tcp = true;
  bool icmp = true;
  bool portless = true;
};

enum class Filtering : uint8_t { kEndpointIndependent, kAddressDependent };

struct PortRange {
  uint16_t first = 1024;
  uint16_t last = 65535;
  friend bool operator==(const PortRange&, const PortRange&) = default;
};

/// Who gets which port of a pool.
enum class Allocation : uint8_t {
  kDynamic,        ///< any free one
  kBlocks,         ///< one of a block that the subscriber has for itself
  kDeterministic,  ///< one of those that follow from the subscriber's prefix (RFC 7422)
};

struct Pool {
  std::string name;
  std::vector<steer::AddressRange> ranges;
  PortRange ports;
  /// Addresses that get no new bindings, whatever becomes of those there are.
  std::vector<steer::AddressRange> closed{};
  bool drain = false;  ///< all of `ranges` likewise
  Allocation allocation = Allocation::kDynamic;
  uint16_t block_size = 512;  ///< a power of two
  uint8_t blocks_per_subscriber = 4;
  uint32_t block_release_delay = 120;  ///< seconds
  net::Ip6Prefix inside{};             ///< deterministic: whose pool it is
  bool overflow = false;     ///< deterministic: other pools when the own ports are used up
  uint32_t hold_down = 120;  ///< seconds that a freed port rests (RFC 6888 REQ-8)
  uint32_t hold_down_ports = 1u << 18;  ///< that rest at one time, per worker
  bool soft_pairing = false;    ///< another address when the paired one is full (RFC 7857 4)
  bool preserve_class = true;   ///< conflict C9: below 1024 or not, as inside
  bool preserve_parity = true;  ///< conflict C9: UDP, even or odd, as inside
  friend bool operator==(const Pool&, const Pool&) = default;
};

/// One stateful instance: its prefixes share its pools.
struct Instance {
  std::string name;
  std::vector<net::Prefix6052> prefixes;
  /// IPv6 hosts that it serves; empty: all that no other instance with the same prefix serves.
  std::vector<net::Ip6Prefix> sources;
  std::vector<Pool> pools;
  Timers timers;
  std::vector<StaticBinding> statics;  ///< for StaticBindings; translators are told one by one
  InboundRefresh inbound_refresh;
  Filtering filtering = Filtering::kEndpointIndependent;
  /// Protocols without ports that are carried: (protocol, pool address, remote) is one host's.
  net::ProtocolSet portless;
  xlat::Policy policy;
  bool allow_non_global = false;         ///< conflict C3 knob
  std::shared_ptr<const Access> access;  ///< nobody: everybody may open flows
  bool rst_closes_half_closed = true;    ///< conflict C11: RST in FIN RCV -> closing timer
  bool syn_reopens_closed = true;        ///< conflict C11: SYN in FIN+FIN or TRANS restarts
};

struct Settings {
  std::vector<Instance> instances;
  std::vector<xlat::Siit> stateless;
  std::vector<std::shared_ptr<const Access>> stateless_access;  ///< of `stateless`, if any has one
  net::AddressRules addresses;
  // Per worker.
  uint32_t max_sessions = 1u << 17;
  uint32_t max_bindings = 1u << 16;
  uint32_t max_subscribers = 1u << 14;
  uint32_t max_held_syns = 256;
  uint32_t max_fragments = 1024;
  uint32_t fragment_share = 8;  ///< one source may use one part in so many of them
  // Per subscriber; 0: no limit.
  uint32_t subscriber_sessions = 0;
  uint32_t subscriber_bindings = 0;  ///< of all protocols
  uint32_t subscriber_tcp_bindings = 0;
  uint32_t subscriber_udp_bindings = 0;
  uint32_t subscriber_icmp_bindings = 0;
  uint32_t subscriber_sessions_per_second = 0;  ///< that it opens itself; also the burst
  uint8_t subscriber_prefix_length = 64;
  uint32_t icmp_errors_per_second = 1000;
  EventMask events = kPortBlockEvents | kStaticEvents | kRefusalEvents;
  uint32_t event_ring = 4096;           ///< a power of two
  uint32_t icmp_errors_per_source = 0;  ///< per second to one host; 0: no limit of its own
  net::HashKey hash_key;
  uint64_t random_seed = 1;
  bool reserved_pages = false;  ///< tables lie in huge pages that the system has set aside
};

/// Which worker owns which of these pools' cells and which subscribers. Error: a deterministic pool
/// that does not fit.
Result<steer::Ownership> make_ownership(const Settings& settings, unsigned workers, uint64_t seed);
/// The arithmetic of a deterministic pool.
Result<steer::DeterministicMap> make_map(const Settings& settings, const Pool& pool);

}  // namespace isthmus::nat
