// SPDX-License-Identifier: BSD-3-Clause
// The whole dataplane in one thread: ring ports, virtual time, and workers that are driven turn by
// turn, so that every run of a test is the same.
//
//   inside hosts 2001:db8:1::/64 behind "in", the Internet 192.0.2.0/24 behind "out"
//   prefix 64:ff9b:1:fffe::/96, pool 203.0.113.0 ... one address per worker unless told otherwise
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "conf/config.h"
#include "dataplane/engine.h"
#include "dataplane/ring_port.h"
#include "packets/builder.h"

namespace isthmus::test {

struct PipelineOptions {
  unsigned workers = 1;
  unsigned queues = 0;  ///< 0: as many as workers
  bool one_port = false;
  uint16_t in_vlan = 0;
  uint16_t out_vlan = 0;
  unsigned pool_addresses = 4;
  uint16_t in_mtu = 1500;
  uint16_t out_mtu = 1500;
  unsigned ring_size = 1024;
  uint64_t seed = 1;
  bool neighbors = true;                              ///< all hosts' link addresses are known
  std::function<void(conf::Config&)> configure = {};  ///< what the options above do not say
};

struct Punt {
  dataplane::PuntKind kind;
  dataplane::InterfaceId interface;
  Bytes bytes;
  dataplane::Address next_hop;
};

class Pipeline {
 public:
  explicit Pipeline(const PipelineOptions& options);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  static constexpr dataplane::InterfaceId kIn = 0;
  static constexpr dataplane::InterfaceId kOut = 1;
  static const char* host_mac() { return "02:00:00:00:01:01"; }
  static const char* internet_mac() { return "02:00:00:00:02:02"; }

  dataplane::Engine& engine() { return *engine_; }
  conf::Config make_config() const;
  unsigned workers() const { return options_.workers; }
  unsigned queues() const { return in_port().queues(); }
  RingPort& in_port() const { return *ports_.front(); }
  RingPort& out_port() const { return *ports_.back(); }

  // As if from the wire: with link header and, where the interface has one, VLAN tag.
  void from_inside(const Bytes& packet, unsigned queue = 0);
  void from_internet(const Bytes& packet, unsigned queue = 0);
  Bytes inside_frame(const Bytes& packet) const;
  Bytes internet_frame(const Bytes& packet) const;

  /// Turns all workers until nothing moves any more.
  void run();
  /// run(), then the IP packets sent to inside hosts; frames' link headers are checked.
  std::vector<Bytes> to_inside();
  std::vector<Bytes> to_internet();
  std::vector<Punt> punts();

  void advance(uint32_t milliseconds) { now_ms_ += milliseconds; }
  /// Sum over workers; `transport_only` leaves out what depends on who received a packet.
  std::map<std::string, uint64_t> counters(bool without_handoff = true) const;
  uint64_t count(telemetry::Counter counter) const;
  uint64_t count(telemetry::DropReason reason) const;
  std::string own_mac(bool inside) const;

 private:
  void tell_topology();
  void collect();

  PipelineOptions options_;
  uint32_t now_ms_ = 1000000;
  std::vector<std::unique_ptr<RingPort>> ports_;
  std::unique_ptr<dataplane::Engine> engine_;
  std::vector<Bytes> to_inside_;
  std::vector<Bytes> to_internet_;
};

/// An inside host's address and the same in the translated world.
std::string inside_host(unsigned subscriber, unsigned host = 1);
/// 192.0.2.`host` as inside hosts see it.
std::string mapped(const std::string& ip4);

}  // namespace isthmus::test
