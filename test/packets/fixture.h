// SPDX-License-Identifier: BSD-3-Clause
// Fixture rows: packets in, packets out, and exactly which counters move.
//
// Theory of operation. A Row is a name with the clause it shows, settings, and a script. The script
// talks to a Script, which talks to a Rig; so the same row runs against translators side by side in
// one process (packets/harness.h) and against the whole pipeline on ring ports. A Rig hides how
// many workers there are and how packets reach them: the answer may not depend on it.
// Pool addresses and ports are the gateway's free choice. A script learns them from the first
// packet that comes out (mapping()) and is exact about every byte from then on. The one field that
// is never compared is the IPv4 Identification of a packet that the gateway chose it for.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "nat/settings.h"
#include "packets/builder.h"
#include "telemetry/counters.h"
#include "xlat/rewrite.h"

namespace isthmus::test {

using telemetry::Counter;
using telemetry::DropReason;

/// A gateway with an IPv6 and an IPv4 side. Routes exist to everywhere; MTUs and own addresses are
/// those of Row::path.
class Rig {
 public:
  virtual ~Rig() = default;
  /// Offers IP packets of either family as one burst, in order. What leaves, in order.
  virtual std::vector<Bytes> exchange(const std::vector<Bytes>& in) = 0;
  /// Lets time pass and does all housekeeping. What the gateway sent of its own accord.
  virtual std::vector<Bytes> advance(uint32_t milliseconds) = 0;
  /// Changes pools while it runs: "", or why it cannot.
  virtual std::string change_pools(const nat::Settings& wanted) = 0;
  /// What the box itself was given since the last call.
  virtual std::vector<Bytes> given_to_box() = 0;
  /// Sums over all workers since the start.
  virtual telemetry::Counters counters() const = 0;
};

/// A pool address and port as a script writes them into packets.
struct Mapping {
  std::string address;
  uint16_t port = 0;
};

class Script {
 public:
  explicit Script(Rig& rig) : rig_(rig) {}

  // --- packets -----------------------------------------------------------------------------------
  /// One packet in; exactly one must come out, and is returned.
  Bytes send(const Packet& in);
  /// One packet in, this one out.
  void expect(const Packet& in, const Packet& out);
  /// One packet in, nothing out.
  void nothing(const Packet& in) { nothing(in.bytes()); }
  void nothing(const Bytes& in);
  /// One packet in, nothing out: the box itself gets it, as it is.
  void local(const Packet& in) { local(std::vector<Bytes>{in.bytes()}); }
  /// A burst in, nothing out: the box itself gets it, in this order.
  void local(const std::vector<Bytes>& in) { local(in, in); }
  void local(const std::vector<Bytes>& in, const std::vector<Bytes>& expected);
  /// A burst in; whatever comes out.
  std::vector<Bytes> burst(const std::vector<Bytes>& in) { return rig_.exchange(in); }
  /// `got` must be this packet.
  void same(const Packet& expected, const Bytes& got);

  // --- changes -----------------------------------------------------------------------------------
  /// Other pools from now on.
  void change_pools(const nat::Settings& wanted);
  /// These cannot be had without a restart; nothing changes.
  void cannot_change_pools(const nat::Settings& wanted);

  // --- time --------------------------------------------------------------------------------------
  /// Time passes; the gateway must not send anything.
  void wait(uint32_t milliseconds);
  /// Time passes; exactly one packet must be sent, and is returned.
  Bytes wait_for_one(uint32_t milliseconds);
  /// Time passes; whatever is sent.
  std::vector<Bytes> sent_within(uint32_t milliseconds) { return rig_.advance(milliseconds); }

  // --- what was learned --------------------------------------------------------------------------
  /// Source of an IPv4 packet: address, and port or ICMP identifier.
  Mapping mapping(const Bytes& out);
  void check(bool condition, const std::string& what);

  // --- counters ----------------------------------------------------------------------------------
  using Name = std::variant<Counter, DropReason>;
  /// What the whole row must have counted; adds up over calls. A counter never named must not move.
  void counted(std::initializer_list<std::pair<Name, uint64_t>> counts);

  /// Compares counters; called after the script. All failures, or "".
  std::string finish();

 private:
  Rig& rig_;
  std::map<Name, uint64_t> counts_;
  std::string failures_;
};

struct Row {
  std::string name;
  nat::Settings settings;
  xlat::Path path;
  std::function<void(Script&)> script;
};

/// Counters that only a pipeline with ports and hand-off moves; rows say nothing about them.
bool is_pipeline_counter(Counter counter);

// --- settings that rows start from
// -----------------------------------------------------------------
inline constexpr const char* kPrefix = "2001:db8:64::/96";
/// One instance: kPrefix, pool 203.0.113.0-203.0.113.7 with all ports from 1024 up: enough
/// addresses to be owned whole by up to eight workers.
nat::Settings stateful();
/// As stateful(), but one address, 203.0.113.1, with ports 1-65535: workers share it by port block.
nat::Settings one_address();
/// `prefix` instead of kPrefix.
nat::Settings with_prefix(nat::Settings settings, const char* prefix);
/// One stateless instance: 2001:db8:46::/96, inside 192.0.2.0/24.
nat::Settings stateless();
/// MTU 1500 both sides, own addresses 100.64.0.1 and 2001:db8:ff::1.
xlat::Path path(uint16_t mtu6 = 1500, uint16_t mtu4 = 1500);

/// All rows of all tables.
std::vector<Row> all_rows();

}  // namespace isthmus::test
