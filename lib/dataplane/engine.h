// SPDX-License-Identifier: BSD-3-Clause
// The dataplane behind dataplane.h.
//
// Theory of operation. make() builds everything and starts the ports; start() only launches the
// workers' threads. So a program may also drive the workers itself, turn by turn
// (worker().poll_once()), on a clock of its own. stop() takes everything down in the reverse order:
// threads, workers with their rings, ports, buffers.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "dataplane/capture.h"
#include "dataplane/dataplane.h"
#include "dataplane/memory.h"
#include "dataplane/port.h"
#include "dataplane/telemetry_socket.h"
#include "dataplane/topology.h"
#include "dataplane/worker.h"

namespace isthmus::nat {
struct PoolChange;
}

namespace isthmus::dataplane {

/// What does not come from the configuration as it stands.
struct EngineOptions {
  Clock clock;
  uint64_t seed = 0;
  nat::Settings nat;  ///< of one worker; make_settings() makes them
};

class Engine final : public Dataplane, public CaptureSource {
 public:
  static Result<std::unique_ptr<Engine>> make(const conf::Config& config,
                                              const EngineOptions& options);
  ~Engine() override;

  Status start() override;
  void stop() override;

  unsigned take_punted(unsigned limit, const std::function<void(const Punted&)>& handler) override;
  unsigned take_events(unsigned limit,
                       const std::function<void(const TimedEvent&)>& handler) override;
  bool inject(InterfaceId interface, std::span<const uint8_t> frame) override;
  DnsEnd* dns_end(unsigned core) override {
    return core < dns_ends_.size() ? dns_ends_[core].get() : nullptr;
  }
  /// A buffer that shall be injected, and the worker that takes it. Always the same one for a port:
  /// frames keep their order. From any thread.
  struct Injection {
    rte_mbuf* mbuf = nullptr;  ///< nullptr: no buffer, or the frame does not fit
    unsigned worker = 0;
  };
  Injection make_injection(InterfaceId interface, std::span<const uint8_t> frame) const;

  void set_local_address(std::variant<net::Ip4, net::Ip6> address, InterfaceId interface,
                         bool present) override;
  Status set_route(const std::variant<net::Ip4Prefix, net::Ip6Prefix>& prefix,
                   const std::optional<NextHop>& next_hop) override;
  void set_neighbor(std::variant<net::Ip4, net::Ip6> address, InterfaceId interface,
                    std::optional<net::Mac> mac) override;
  void publish() override;
  std::vector<RouteInfo> routes() const override;
  std::vector<NeighborInfo> neighbors() const override;

  const std::vector<InterfaceInfo>& interfaces() const override { return interfaces_; }
  unsigned workers() const override { return static_cast<unsigned>(workers_.size()); }
  WorkerInfo worker_info(unsigned worker) const override;
  std::vector<RingInfo> ring_info() const override;
  std::vector<PortInfo> port_info() const override;
  std::vector<SteeringInfo> steering_info() const override;
  std::vector<MemoryPart> memory() const override;
  ProcessMemory process_memory() const override { return dataplane::process_memory(); }
  telemetry::Counters counters(unsigned worker) const override;
  Status ask(unsigned worker,
             const std::function<void(nat::Translator&, uint32_t now_ms)>& question) override;
  Status add_static(const nat::StaticEntry& entry) override { return statics_->add(entry); }
  Status remove_static(const nat::StaticBinding& outside) override {
    return statics_->remove(outside);
  }
  std::vector<nat::StaticEntry> statics() const override { return statics_->entries(); }
  std::optional<nat::LeaseAnswer> lease(const nat::LeaseWish& wish) override;
  void end_lease(const nat::LeaseWish& wish) override;
  nat::Translator::Bound bound(const nat::LeaseWish& wish) override;
  Status update(const conf::Config& config) override;
  Result<std::vector<Prospect>> simulate(std::span<const uint8_t> packet,
                                         std::optional<InterfaceId> from) override;
  Result<std::unique_ptr<Capture>> start_capture(const CaptureOptions& options) override;
  Status set_tap(unsigned worker, Tap* tap);

  /// The part of update() that changes pools, and of them alone what `wanted` says.
  Status change_pools(const nat::Settings& wanted);

  /// A copy, word by word; from any thread.
  LoopCounters loop_of(unsigned worker) const;

  Worker& worker(unsigned id) { return *workers_[id]; }
  const steer::Ownership& ownership() const { return fabric_->ownership; }

 private:
  struct Thread {
    std::thread thread;
    unsigned numa_node = 0;
  };

  Engine(const conf::Config& config, const EngineOptions& options)
      : config_(config), options_(options) {}
  Status open_ports(const steer::Ownership& ownership);
  Status make_pools();
  unsigned buffers_needed() const;
  unsigned dns_cores() const {
    return config_.dns64.enabled ? static_cast<unsigned>(config_.cores.dns.size()) : 0;
  }
  Status start_ports();
  void steer_ports() const;
  void wait_for_links() const;
  Result<std::unique_ptr<Fabric>> make_fabric(steer::Ownership ownership) const;
  void add_port_table(Fabric& fabric, std::size_t port) const;
  Status make_workers();
  void touch_tables();
  Status make_statics();
  WorkerParts parts_of(unsigned worker) const;
  Status install_pools(const nat::Settings& settings);
  Status replace_pools(const nat::Settings& wanted);
  Status settle(const nat::PoolChange& change, const nat::Settings& wanted);
  Status take_statics(const nat::Settings& wanted);
  Status end_leaving(const std::vector<steer::AddressRange>& leaving);
  unsigned queue_owner(std::size_t port, unsigned queue) const;
  Status launch(unsigned worker);
  rte_mempool* pool_of(int socket) const;

  conf::Config config_;
  EngineOptions options_;
  uint64_t topology_bytes_ = 0;   ///< of forwarding tables
  uint64_t topology_routes_ = 0;  ///< that they have room for
  std::map<int, Pool> pools_;     ///< by NUMA node
  std::vector<std::unique_ptr<Port>> ports_;
  std::vector<InterfaceInfo> interfaces_;
  std::unique_ptr<Fabric> fabric_;
  std::unique_ptr<Topology> topology_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::unique_ptr<DnsEnd>> dns_ends_;
  std::unique_ptr<nat::StaticBindings> statics_;
  std::unique_ptr<TelemetrySocket> telemetry_;
  std::vector<Thread> threads_;
  std::atomic<bool> stop_{false};
  bool running_ = false;
  unsigned next_punter_ = 0;
  unsigned next_teller_ = 0;
};

}  // namespace isthmus::dataplane
