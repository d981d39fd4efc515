// SPDX-License-Identifier: BSD-3-Clause
// The parts of isthmusd and how they are connected.
//
// Theory of operation. make() builds from the packets up: dataplane (ports, tables), twins, netlink
// (first full picture), DNS64, command socket; then workers start. Members stand in this order, so
// destruction takes the daemon down the other way, and each part may use those above it until the
// end. Everything runs on the calling thread, but for the workers and DNS cores.
#pragma once

#include <ev.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "control/commands.h"
#include "control/dataplane_backend.h"
#include "control/dns_cores.h"
#include "control/event_log.h"
#include "control/loop.h"
#include "control/neighbor_queue.h"
#include "control/netlink_sync.h"
#include "control/pcp_service.h"
#include "control/pool_watch.h"
#include "control/punt.h"
#include "control/server.h"
#include "control/state_walk.h"
#include "control/twin_set.h"
#include "dataplane/dataplane.h"
#include "dns64/service.h"
#include "export/exporter_set.h"
#include "metrics/endpoint.h"
#include "service_manager.h"
#include "xlat/icmp_error.h"

namespace isthmus::app {

class Daemon {
 public:
  using Facts = control::DataplaneBackend::Facts;

  /// `plan` belongs to `config`.
  static Result<std::unique_ptr<Daemon>> make(std::shared_ptr<const conf::Config> config,
                                              const control::KernelPlan& plan, Facts facts);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  /// Until SIGTERM or SIGINT.
  void run();

 private:
  Daemon(std::shared_ptr<const conf::Config> config, const control::KernelPlan& plan);

  Status build(Facts facts);
  Status build_kernel_side();
  Status build_dns64();
  Status build_pcp();
  void tell_exporters();
  void watch_pools();
  Status build_commands(Facts facts);
  dns64::Control* dns64() const;
  void tell_memory();
  void watch_signals();
  void start_timers();
  unsigned poll();
  void reload();
  bool send(dataplane::InterfaceId interface, const net::Mac& to, std::span<const uint8_t> packet);
  void tell_unreachable(dataplane::InterfaceId interface, std::span<const uint8_t> packet);
  std::string summary() const;

  std::shared_ptr<const conf::Config> config_;  ///< as started
  control::KernelPlan plan_;                    ///< of config_
  xlat::RateLimiter errors_;                    ///< of ICMP errors that tell_unreachable() sends
  control::Loop loop_;
  ServiceManager service_manager_;
  std::unique_ptr<dataplane::Dataplane> dataplane_;
  control::NeighborQueue neighbors_;
  std::unique_ptr<control::TwinSet> twins_;
  std::unique_ptr<control::Punt> punt_;
  control::EventLog event_log_;
  std::unique_ptr<exporter::ExporterSet> exports_;
  std::unique_ptr<control::NetlinkSync> netlink_;
  std::unique_ptr<dns64::Service> dns64_;         ///< on this thread
  std::unique_ptr<control::DnsCores> dns_cores_;  ///< or on others
  std::unique_ptr<control::PcpService> pcp_;
  std::unique_ptr<control::DataplaneBackend> backend_;
  std::unique_ptr<control::StateWalk> walk_;
  std::unique_ptr<control::Commands> commands_;
  std::unique_ptr<control::Server> server_;
  std::unique_ptr<metrics::Endpoint> metrics_;
  control::PoolWatch pool_watch_;
  ev_timer tick_{}, watch_{}, day_{};
  ev_signal term_{}, interrupt_{}, hangup_{};
};

/// Whether some process answers at the command socket.
bool is_served(const std::string& socket_path);

}  // namespace isthmus::app
