// SPDX-License-Identifier: BSD-3-Clause
// The dataplane as the control core sees it: start, stop, packets in and out of the kernel twin,
// the forwarding state, and questions to workers. No rte_* types here.
//
// Theory of operation. make() starts EAL, ports, buffers and every worker's Translator; start()
// launches workers. After that the control core alone calls the rest, from one thread. Workers and
// control core meet in single-producer single-consumer rings: punt (worker -> control), inject
// (control -> worker 0..n, which transmits), requests (control -> worker). DNS cores, where there
// are any, have rings of their own to and from each worker (DnsEnd). Forwarding state is kept twice
// (dataplane/topology.h); workers read the one that is published.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "conf/config.h"
#include "nat/statics.h"
#include "nat/translator.h"
#include "net/addr.h"
#include "net/result.h"
#include "telemetry/counters.h"
#include "telemetry/histogram.h"

namespace isthmus::dataplane {

/// Index over all interfaces of all ports, in the order of the configuration.
using InterfaceId = uint16_t;

enum class PuntKind : uint8_t {
  kLocal,       ///< for the box itself: goes to the interface's twin
  kDns,         ///< UDP/53 to a DNS64 service address
  kUnresolved,  ///< next hop's link address unknown: `next_hop` says whose; no Ethernet header yet
};

struct Punted {
  PuntKind kind;
  InterfaceId interface;  ///< where it came from; for kUnresolved, where it shall leave
  /// kLocal, kDns: the Ethernet frame, untagged. kUnresolved: the IP packet.
  std::span<const uint8_t> bytes;
  std::variant<net::Ip4, net::Ip6> next_hop;  ///< kUnresolved only
};

/// What happened at a worker, and when.
struct TimedEvent {
  unsigned worker = 0;
  uint64_t unix_ms = 0;  ///< UTC, milliseconds since 1970
  nat::Event event;
};

struct InterfaceInfo {
  std::string name;
  std::string port;
  uint16_t vlan = 0;
  uint16_t mtu = 1500;
  net::Mac mac;
};

struct MemberInfo {
  std::string device;
  bool link_up = false;
};

struct PortInfo {
  std::string name;
  std::string device;
  std::string driver;
  bool link_up = false;
  uint32_t speed_mbps = 0;
  uint16_t rx_queues = 0, tx_queues = 0;
  uint64_t rx_packets = 0, rx_bytes = 0, rx_missed = 0, rx_errors = 0, rx_no_buffer = 0;
  uint64_t tx_packets = 0, tx_bytes = 0, tx_errors = 0;
  std::vector<MemberInfo> members = {};  ///< of a bond
};

struct WorkerInfo {
  unsigned cpu = 0;
  unsigned numa_node = 0;
  uint64_t loops = 0, busy_loops = 0, packets = 0;
  uint64_t busy_cycles = 0, total_cycles = 0;
  std::vector<std::pair<std::string, uint16_t>> queues;  ///< (port, rx queue)
  telemetry::BurstHistogram bursts{};         ///< busy loops, by how many packets came in one
  telemetry::CycleHistogram packet_cycles{};  ///< packets, by the cycles of their loop for each
};

/// How full the rings are that lead from and to a worker.
struct RingInfo {
  unsigned worker = 0;
  /// "punt", "inject", or "handoff", those of all others to this one: packets; "queries" and
  /// "answers", those to and from all DNS cores; "events".
  std::string ring;
  uint64_t used = 0, capacity = 0;
};

struct SteeringInfo {
  std::string port;
  std::string rung;  ///< of the ladder in dataplane/port.h
  std::string mode4;
  uint64_t received = 0, handed_off = 0;
  uint64_t mismatched = 0;     ///< of those handed off: the device did not do as it was told
  std::vector<uint8_t> key{};  ///< that the device was given; empty: none
  unsigned entries = 0;        ///< of its redirection table
};

/// Memory that is not one worker's tables.
struct MemoryPart {
  std::string name;
  uint64_t bytes = 0;
  uint64_t capacity = 0, used = 0;  ///< in units of its own; 0: nothing that could be counted
};

/// The process as the kernel sees it, in bytes.
struct ProcessMemory {
  uint64_t resident = 0;          ///< all that is present
  uint64_t transparent_huge = 0;  ///< of this, in huge pages for the asking
  uint64_t reserved_huge = 0;     ///< of this, in huge pages that the system had set aside
  uint64_t files = 0;             ///< of this, program and libraries
};

/// Where packets to a prefix go.
struct NextHop {
  InterfaceId interface = 0;
  /// Gateway; absent: the destination is on the link.
  std::optional<std::variant<net::Ip4, net::Ip6>> via;
  /// Nowhere: an operator's blackhole, unreachable or prohibit route. The rest says nothing then.
  bool discard = false;
};

struct RouteInfo {
  std::variant<net::Ip4Prefix, net::Ip6Prefix> prefix;
  NextHop next_hop;
};

struct NeighborInfo {
  std::variant<net::Ip4, net::Ip6> address;
  InterfaceId interface = 0;
  std::optional<net::Mac> mac;
};

struct Prospect;

/// A DNS core's end of the dataplane. Everything is called from that core's own thread.
class DnsEnd {
 public:
  virtual ~DnsEnd() = default;
  /// First of all: makes the calling thread the core's, pinned to its CPU. leave() ends it.
  virtual Status enter() = 0;
  virtual void leave() = 0;
  /// As take_punted() and inject(), of the queries that workers gave this core.
  virtual unsigned take_queries(unsigned limit,
                                const std::function<void(const Punted&)>& handler) = 0;
  virtual bool inject(InterfaceId interface, std::span<const uint8_t> frame) = 0;
};

class Dataplane {
 public:
  static Result<std::unique_ptr<Dataplane>> make(const conf::Config& config);
  virtual ~Dataplane() = default;

  virtual Status start() = 0;
  /// Stops workers, closes ports, releases EAL's files. Idempotent.
  virtual void stop() = 0;

  // --- packets -----------------------------------------------------------------------------------
  /// Takes at most `limit` punted packets from all workers; returns how many. The bytes live only
  /// during the call. Where there are DNS cores, queries are not among them.
  virtual unsigned take_punted(unsigned limit,
                               const std::function<void(const Punted&)>& handler) = 0;
  /// Takes at most `limit` events from all workers; returns how many.
  virtual unsigned take_events(unsigned limit,
                               const std::function<void(const TimedEvent&)>& handler) = 0;
  /// Sends an untagged Ethernet frame out of an interface, with its VLAN tag if it has one; a frame
  /// to its own MAC is taken in, as if received. False if dropped (ring full, no buffer, too long).
  virtual bool inject(InterfaceId interface, std::span<const uint8_t> frame) = 0;
  /// The end of a DNS core, by its place in cores.dns; nullptr: there is none.
  virtual DnsEnd* dns_end(unsigned /*core*/) { return nullptr; }

  // --- forwarding state: changes collect until publish()
  // -------------------------------------------
  virtual void set_local_address(std::variant<net::Ip4, net::Ip6> address, InterfaceId interface,
                                 bool present) = 0;
  virtual Status set_route(const std::variant<net::Ip4Prefix, net::Ip6Prefix>& prefix,
                           const std::optional<NextHop>& next_hop) = 0;
  /// A neighbor's link address; nullopt: unknown again.
  virtual void set_neighbor(std::variant<net::Ip4, net::Ip6> address, InterfaceId interface,
                            std::optional<net::Mac> mac) = 0;
  /// Makes collected changes visible to workers. Cheap when there are none.
  virtual void publish() = 0;
  virtual std::vector<RouteInfo> routes() const = 0;
  virtual std::vector<NeighborInfo> neighbors() const = 0;

  // --- questions ---------------------------------------------------------------------------------
  virtual const std::vector<InterfaceInfo>& interfaces() const = 0;
  virtual unsigned workers() const = 0;
  virtual WorkerInfo worker_info(unsigned worker) const = 0;
  virtual std::vector<RingInfo> ring_info() const { return {}; }
  virtual std::vector<PortInfo> port_info() const = 0;
  virtual std::vector<SteeringInfo> steering_info() const = 0;
  virtual std::vector<MemoryPart> memory() const = 0;
  virtual ProcessMemory process_memory() const = 0;
  /// A worker's counters now (see telemetry/counters.h for why reading them is safe).
  virtual telemetry::Counters counters(unsigned worker) const = 0;

  /// Runs `question` on the worker between two bursts and waits for it (microseconds; the worker's
  /// own bound is one burst). The question must be bounded: a few hundred table places at most.
  /// Error when the worker does not answer within a second.
  virtual Status ask(unsigned worker,
                     const std::function<void(nat::Translator&, uint32_t now_ms)>& question) = 0;

  /// What would become of an IP packet that came in on `from` (absent: where the way back to its
  /// sender leads), now and alone. Changes nothing. See dataplane/prospect.h.
  virtual Result<std::vector<Prospect>> simulate(std::span<const uint8_t> packet,
                                                 std::optional<InterfaceId> from) = 0;

  // --- static bindings (RFC 6146 3.1)
  // ------------------------------------------------------------------
  /// Errors say what is in the way: a dynamic binding, another static one, a full table.
  virtual Status add_static(const nat::StaticEntry& entry) = 0;
  /// The one with this outside address, port and protocol; ends its sessions.
  virtual Status remove_static(const nat::StaticBinding& outside) = 0;
  virtual std::vector<nat::StaticEntry> statics() const = 0;

  // --- bindings that inside hosts ask for (RFC 6887)
  // ------------------------------------------------------------------
  /// nullopt: the host's worker does not answer.
  virtual std::optional<nat::LeaseAnswer> lease(const nat::LeaseWish& wish) = 0;
  virtual void end_lease(const nat::LeaseWish& wish) = 0;
  virtual nat::Translator::Bound bound(const nat::LeaseWish& wish) = 0;

  /// Applies what may change live (timers, policies, limits).
  virtual Status update(const conf::Config& config) = 0;
};

/// That DPDK's telemetry socket shall answer, also to /isthmus/... commands. Before the dataplane
/// is made.
void want_telemetry();

/// Whether `config` fits into this machine's memory, were nothing else to run on it.
Status check_memory_idle(const conf::Config& config);
/// What the operator could do for tables to lie in huge pages that the system reserves; empty: they
/// do, or are not meant to. Before the dataplane is made.
std::string huge_page_advice(const conf::Config& config);

/// nat settings of one worker's share of `config`.
nat::Settings make_settings(const conf::Config& config, uint64_t seed);

}  // namespace isthmus::dataplane
