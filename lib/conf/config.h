// SPDX-License-Identifier: BSD-3-Clause
// The checked configuration. Immutable once loaded; a reload makes a new one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "conf/dns64.h"
#include "conf/exports.h"
#include "net/addr.h"
#include "net/eam.h"
#include "net/result.h"
#include "net/rfc6052.h"
#include "steer/deterministic.h"

namespace isthmus::conf {

enum class HugePages : uint8_t { kAuto, kOn, kOff };
enum class Idle : uint8_t { kSpin, kYield };
enum class BondMode : uint8_t { kActiveBackup, kBalance, k8023ad };
enum class LogLevel : uint8_t { kError, kWarning, kInfo, kDebug };
enum class UdpZero : uint8_t { kDrop, kCompute, kForward };
enum class ClassWord : uint8_t { kCopy };
enum class MssWord : uint8_t { kOff, kAuto };
enum class Filtering : uint8_t { kEndpointIndependent, kAddressDependent };
enum class Hairpinning : uint8_t { kOff, kSimple, kIntrinsic };
enum class Allocation : uint8_t { kDynamic, kBlocks, kDeterministic };
enum class Pairing : uint8_t { kHard, kSoft };

/// A number, or a word for a case that is none.
template <class Word_>
struct NumberOr {
  using Word = Word_;
  Word word{};
  std::optional<uint16_t> number;
};

/// An address with the length of its subnet, as put on an interface.
struct InterfaceAddress {
  std::variant<net::Ip4, net::Ip6> address;
  uint8_t length = 0;
};

/// A port itself (vlan 0: untagged frames) or a VLAN sub-interface of it. Each has a twin, a TAP in
/// the kernel, named like it: "PORT" or "PORT.VLAN".
struct Interface {
  uint16_t vlan = 0;
  std::string name;
  std::vector<InterfaceAddress> addresses;
};

struct Port {
  std::string name;
  std::string device;  ///< PCI address or DPDK vdev string; empty: a bond of `members`
  std::vector<std::string> members;
  BondMode bond_mode = BondMode::kActiveBackup;
  uint16_t mtu = 1500;
  uint16_t queues = 0;  ///< 0: as many as workers, if the device has them
  uint16_t rx_descriptors = 1024;
  uint16_t tx_descriptors = 1024;
  std::vector<Interface> interfaces;  ///< at least one
};

/// A static route put into the kernel, from where it comes back to the dataplane.
struct Route {
  std::variant<net::Ip4Prefix, net::Ip6Prefix> prefix;
  std::variant<net::Ip4, net::Ip6> via;  ///< same family
  int line = 0;
};

struct AddressRange {
  net::Ip4 first;
  net::Ip4 last;
};

struct Pool {
  std::string name = "pool";
  std::vector<AddressRange> ranges;  ///< sorted, disjoint
  uint16_t first_port = 1024;
  uint16_t last_port = 65535;
  bool drain = false;  ///< no new bindings
  Allocation allocation = Allocation::kDynamic;
  uint16_t block_size = 512;
  uint8_t blocks_per_subscriber = 4;
  uint32_t block_release_delay = 120;  ///< seconds
  net::Ip6Prefix inside;               ///< whose a deterministic pool is; /0: not given
  bool overflow = false;
  uint32_t hold_down = 120;           ///< seconds
  uint32_t hold_down_ports = 262144;  ///< all workers together
  Pairing pairing = Pairing::kHard;
  bool preserve_port_class = true;
  bool preserve_parity = true;
  uint8_t alarm = 90;  ///< percent in use; 0: none
};

struct Timers {  // seconds
  uint32_t udp = 300;
  uint32_t tcp_established = 7200;
  uint32_t tcp_opening = 240;
  uint32_t tcp_closing = 240;
  uint32_t tcp_incoming_syn = 6;
  uint32_t icmp = 60;
  uint32_t fragment = 2;
  uint32_t udp_short = 30;
  std::vector<uint16_t> udp_short_ports;
  uint32_t portless = 300;
};

enum class StaticProtocol : uint8_t { kAny, kTcp, kUdp, kIcmp };

/// A static binding (RFC 6146 3.1). With kAny the whole addresses are bound, and no ports given.
struct Static {
  StaticProtocol protocol = StaticProtocol::kAny;
  net::Ip6 inside;
  uint16_t inside_port = 0;
  net::Ip4 outside;
  uint16_t outside_port = 0;
};

struct InboundRefresh {
  bool udp = true;
  bool tcp = true;
  bool icmp = true;
  bool portless = true;
};

/// A transport protocol that stateful instances can bind without ports.
struct PortlessProtocol {
  uint8_t number = 0;
};

/// Conflict C11: where RFC 6146 3.5.2.2 taken literally would keep, or cut, a connection.
struct TcpChoices {
  bool rst_closes_half_closed = true;
  bool syn_reopens_closed = true;
};

/// Who may open flows; see nat/access.h. Outbound: the first packet comes from the IPv6 side.
struct Access {
  std::vector<net::Ip6Prefix> outbound_inside_allow, outbound_inside_deny;
  std::vector<net::Ip4Prefix> outbound_remote_allow, outbound_remote_deny;
  std::vector<net::Ip6Prefix> inbound_inside_allow, inbound_inside_deny;
  std::vector<net::Ip4Prefix> inbound_remote_allow, inbound_remote_deny;
};

struct TranslationPolicy {
  uint16_t lowest_ipv6_mtu = 1280;
  NumberOr<ClassWord> traffic_class_4to6;
  NumberOr<ClassWord> traffic_class_6to4;
  bool keep_ecn = true;
  NumberOr<MssWord> mss_clamp;
  UdpZero udp_zero_4to6 = UdpZero::kCompute;
  UdpZero udp_zero_6to4 = UdpZero::kDrop;
  std::vector<uint16_t> udp_zero_ports;
  bool allow_non_global = false;
  bool short_icmp4_errors = false;
  bool answer_refused = true;
};

struct Nat64 {
  std::string name = "nat64";
  std::vector<net::Prefix6052> prefixes{net::Prefix6052::well_known()};
  std::vector<net::Ip6Prefix> sources;  ///< empty: all that no other instance serves
  std::vector<Pool> pools;
  Timers timers;
  InboundRefresh inbound_refresh;
  TcpChoices tcp;
  std::vector<Static> statics;
  std::vector<PortlessProtocol> portless;
  Filtering filtering = Filtering::kEndpointIndependent;
  TranslationPolicy policy;
  Access access;
};

/// An explicit address mapping as the file has it (RFC 7757).
struct Eam {
  net::Ip6Prefix ipv6;
  net::Ip4Prefix ipv4;
};

struct Siit {
  std::string name = "siit";
  net::Prefix6052 prefix = net::Prefix6052::well_known();
  std::vector<net::Ip4Prefix> inside4;
  std::vector<Eam> eam;
  std::string eam_file;
  Hairpinning hairpinning = Hairpinning::kIntrinsic;
  std::vector<AddressRange> icmp_source_pool;
  bool icmp_source_extension = false;
  TranslationPolicy policy;
  Access access;

  // From `eam` and the file.
  std::vector<net::Eam> mappings;
  std::size_t overlapping = 0;  ///< mappings whose prefix lies in another one's (RFC 7757 5)
};

/// What the gateway does as a router.
struct Routing {
  std::vector<std::variant<net::Ip4Prefix, net::Ip6Prefix>> pass_through;
  bool spoof_check = false;
};

/// What the operator amends in the RFCs' lists of IPv4 addresses; see net/address_rules.h.
struct Addresses {
  std::vector<net::Ip4Prefix> global;
  std::vector<net::Ip4Prefix> forbidden;
};

/// The Port Control Protocol (RFC 6887).
struct Pcp {
  bool enabled = false;  ///< the file has a pcp group
  std::vector<net::Ip6> listen;
  uint32_t lifetime_min = 120;    ///< seconds
  uint32_t lifetime_max = 86400;  ///< seconds
  uint32_t mappings = 32;         ///< of one subscriber
};

struct Cores {
  std::vector<unsigned> workers{1};  ///< CPU of each worker; a CPU may be named twice
  unsigned control = 0;
  std::vector<unsigned> dns{};  ///< CPU of each DNS core; none: the control core does DNS64
  Idle idle = Idle::kYield;
};

struct Memory {
  HugePages huge_pages = HugePages::kAuto;
  uint32_t megabytes = 1024;  ///< what DPDK may take
  uint32_t buffers = 16384;   ///< packet buffers
  bool prefault = true;       ///< tables are present before the first packet
};

struct Limits {
  uint32_t sessions = 131072;  ///< all workers together
  uint32_t bindings = 131072;
  uint32_t subscribers = 16384;
  // A sixteenth of the smallest sensible gateway: no single subscriber can fill it.
  uint32_t subscriber_sessions = 8192;  ///< 0: none
  uint32_t subscriber_bindings = 4096;
  uint32_t subscriber_tcp_bindings = 0;
  uint32_t subscriber_udp_bindings = 0;
  uint32_t subscriber_icmp_bindings = 0;
  uint32_t subscriber_sessions_per_second = 0;
  uint8_t subscriber_prefix = 64;
  uint32_t fragments = 4096;    ///< that wait, of up to 1504 bytes each; all workers together
  uint32_t fragment_share = 8;  ///< a source may use one part in so many
  uint32_t icmp_errors_per_second = 1000;
  uint32_t icmp_errors_per_source = 0;
  uint32_t neighbor_queue = 16;  ///< packets kept per unresolved neighbor
};

/// What workers tell the control core beside counters.
struct Events {
  bool sessions = false;
  bool bindings = false;
  bool port_blocks = true;
  bool statics = true;
  bool refusals = true;
};

struct Control {
  std::string socket = "/run/isthmus/isthmus.sock";
  std::string static_file = "/var/lib/isthmus/static";  ///< persistent static bindings
  std::string group = "isthmus";  ///< owner group of the socket, if the group exists
};

/// The endpoint that Prometheus scrapes.
struct Metrics {
  std::string listen;  ///< ADDRESS:PORT; empty: none
};

struct Config {
  std::string file;
  std::string text;  ///< the file as read, for `show config --file`
  Cores cores;
  Memory memory;
  Limits limits;
  Control control;
  Metrics metrics;
  Events events;
  LogLevel log_level = LogLevel::kInfo;
  std::vector<Port> ports;
  std::vector<Route> routes;
  std::vector<Nat64> nat64;
  std::vector<Siit> siit;
  Addresses addresses;
  Routing forwarding;
  Dns64 dns64;
  Pcp pcp;
  Exports exports;

  /// The instance that DNS64 synthesises for, or nullptr.
  const Nat64* nat64_of_dns64() const {
    for (const auto& instance : nat64) {
      if (dns64.nat64.empty() || instance.name == dns64.nat64) return &instance;
    }
    return nullptr;
  }
};

/// The arithmetic of a deterministic pool. Error: it does not fit.
Result<steer::DeterministicMap> make_map(const Config& config, const Pool& pool);

}  // namespace isthmus::conf
