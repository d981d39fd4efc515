// SPDX-License-Identifier: BSD-3-Clause
// Building the dataplane and taking it down.
#include "dataplane/engine.h"

#include <fmt/format.h>
#include <rte_lcore.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <random>

#include "dataplane/dns_end.h"
#include "dataplane/eal.h"
#include "dataplane/memory_need.h"
#include "dataplane/settings.h"
#include "dataplane/thread.h"

namespace isthmus::dataplane {
namespace {

constexpr unsigned kHandoffRing = 1024;
constexpr std::chrono::seconds kLinkPatience{3};

TopologySize topology_size(const conf::Config& config) {
  TopologySize size;
  // A full IPv4 table needs a million routes, about 200 MB in two copies.
  const auto routes = std::clamp<uint64_t>(uint64_t{config.memory.megabytes} * 64, 4096, 1u << 20);
  size.fib.routes4 = static_cast<uint32_t>(routes);
  size.fib.routes6 = static_cast<uint32_t>(routes / 4);
  size.readers = static_cast<unsigned>(config.cores.workers.size());
  return size;
}

Status check_workers(const conf::Config& config) {
  const auto count = config.cores.workers.size();
  if (count >= 1 && count <= steer::kMaxWorkers) return Ok{};
  return Error{
      fmt::format("cores.workers: found {} workers, expected 1 to {}", count, steer::kMaxWorkers)};
}

}  // namespace

Result<std::unique_ptr<Dataplane>> Dataplane::make(const conf::Config& config) {
  std::random_device random;
  const uint64_t seed = uint64_t{random()} << 32 | random();
  auto engine = Engine::make(config, {tsc_clock(), seed, make_settings(config, seed)});
  if (!engine) return engine.error();
  return std::unique_ptr<Dataplane>(std::move(*engine));
}

Result<std::unique_ptr<Engine>> Engine::make(const conf::Config& config,
                                             const EngineOptions& options) {
  if (auto ok = check_workers(config); !ok) return ok.error();
  const auto workers = static_cast<unsigned>(config.cores.workers.size());
  auto ownership = nat::make_ownership(options.nat, workers, options.seed);
  if (!ownership) return ownership.error();
  const SystemMemory system = system_memory();
  const MemoryNeed need = memory_need(config, options.nat, *ownership);
  if (auto ok = check_memory(config, options.nat, need, system); !ok) return ok.error();
  if (auto ok = start_eal(eal_options(config)); !ok) return ok.error();
  std::unique_ptr<Engine> engine(new Engine(config, options));
  engine->options_.nat.reserved_pages = choose_pages(config.memory.huge_pages, need, system).tables;
  if (auto ok = engine->open_ports(*ownership); !ok) return ok.error();
  if (auto ok = engine->make_pools(); !ok) return ok.error();
  if (auto ok = engine->start_ports(); !ok) return ok.error();
  auto fabric = engine->make_fabric(std::move(*ownership));
  if (!fabric) return fabric.error();
  engine->fabric_ = std::move(*fabric);
  const uint64_t before = taken_bytes();
  const TopologySize size = topology_size(config);
  auto topology = Topology::make(engine->fabric_->interfaces, size);
  if (!topology) return topology.error();
  engine->topology_routes_ = size.fib.routes4 + size.fib.routes6;
  engine->topology_bytes_ = taken_bytes() - before;
  engine->topology_ = std::move(*topology);
  if (config.dns64.enabled) engine->topology_->set_dns_addresses(config.dns64.listen);
  engine->topology_->set_edge(make_edge(config));
  if (auto ok = engine->make_workers(); !ok) return ok.error();
  if (config.memory.prefault) engine->touch_tables();
  if (auto ok = engine->make_statics(); !ok) return ok.error();
  engine->topology_->publish();
  if (telemetry_wanted()) engine->telemetry_ = std::make_unique<TelemetrySocket>(*engine);
  return engine;
}

Engine::~Engine() {
  stop();
}

// --- ports and buffers --------------------------------------------------------------------------

Status Engine::open_ports(const steer::Ownership& ownership) {
  for (const auto& port_config : config_.ports) {
    auto port = Port::open(port_config, ownership);
    if (!port) return port.error();
    for (const auto& interface : port_config.interfaces) {
      interfaces_.push_back(
          {interface.name, port_config.name, interface.vlan, port_config.mtu, (*port)->mac()});
    }
    ports_.push_back(std::move(*port));
  }
  return Ok{};
}

// As many as can be in descriptors, caches, rings and bursts at one time; fewer could leave a port
// without any to receive into.
unsigned Engine::buffers_needed() const {
  const auto workers = static_cast<unsigned>(config_.cores.workers.size());
  const auto ports = static_cast<unsigned>(ports_.size());
  unsigned needed =
      (workers + dns_cores() + 1) * kPoolCache * 2 + workers * (ports + workers + 4) * nat::kBatch;
  for (const auto& port : ports_) {
    needed += port->devices() * port->queues() * (port->rx_descriptors() + port->tx_descriptors());
  }
  return needed;
}

Status Engine::make_pools() {
  uint16_t mtu = 1500;
  for (const auto& port : ports_) mtu = std::max(mtu, port->config().mtu);
  const unsigned buffers = std::max(config_.memory.buffers, buffers_needed());
  for (const auto& port : ports_) {
    if (pools_.count(port->socket()) != 0) continue;
    auto pool = make_pool(buffers, mtu, port->socket());
    if (!pool) return pool.error();
    pools_.emplace(port->socket(), std::move(*pool));
  }
  if (pools_.empty()) return Error{"ports: found none, expected at least one"};
  return Ok{};
}

rte_mempool* Engine::pool_of(int socket) const {
  const auto at = pools_.find(socket);
  return (at != pools_.end() ? at : pools_.begin())->second.get();
}

Status Engine::start_ports() {
  for (const auto& port : ports_) {
    if (auto ok = port->setup(pool_of(port->socket())); !ok) return ok;
    if (auto ok = port->start(); !ok) return ok;
  }
  steer_ports();
  wait_for_links();
  return Ok{};
}

// Some drivers take a table only once they run.
void Engine::steer_ports() const {
  for (std::size_t port = 0; port < ports_.size(); ++port) {
    ports_[port]->steer([&](unsigned worker) {
      uint16_t queue = 0;
      while (queue_owner(port, queue) != worker) ++queue;
      return queue;
    });
  }
}

// A NIC takes a second or two to bring its link up; start would otherwise lose what the control
// core sends first. A virtual port's link comes when its peer does.
void Engine::wait_for_links() const {
  const auto deadline = std::chrono::steady_clock::now() + kLinkPatience;
  const auto down = [](const auto& port) { return port->is_pci() && !port->link_up(); };
  while (std::any_of(ports_.begin(), ports_.end(), down) &&
         std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

// --- what workers share -------------------------------------------------------------------------

void Engine::add_port_table(Fabric& fabric, std::size_t port) const {
  PortTable& table = fabric.ports.emplace_back();
  table.port_id = ports_[port]->id();
  table.mac = ports_[port]->mac();
  table.by_vlan.fill(kNoInterface);
  if (const auto* plan = ports_[port]->plan()) {
    table.steers6 = plan->inside;
    table.steers4 = plan->outside;
  }
  for (const auto& interface : config_.ports[port].interfaces) {
    table.by_vlan[interface.vlan % kVlans] = static_cast<InterfaceId>(fabric.interfaces.size());
    fabric.interfaces.push_back(
        {static_cast<uint16_t>(port), interface.vlan, config_.ports[port].mtu, table.mac});
  }
}

Result<std::unique_ptr<Fabric>> Engine::make_fabric(steer::Ownership ownership) const {
  const unsigned workers = ownership.workers();
  std::unique_ptr<Fabric> fabric(
      new Fabric{{}, {}, std::move(ownership), {}, workers, options_.nat.hash_key});
  for (std::size_t port = 0; port < ports_.size(); ++port) add_port_table(*fabric, port);
  for (unsigned from = 0; from < workers; ++from) {
    for (unsigned to = 0; to < workers; ++to) {
      fabric->handoff.emplace_back();
      if (from == to) continue;
      auto ring = SpscRing::make(kHandoffRing);
      if (!ring) return ring.error();
      fabric->handoff.back() = std::move(*ring);
    }
  }
  return fabric;
}

// --- workers ------------------------------------------------------------------------------------

// Both directions of queue `queue` of a port. Ports with fewer queues than workers start at
// different workers, so that two ports of one queue keep two workers busy.
unsigned Engine::queue_owner(std::size_t port, unsigned queue) const {
  const auto workers = static_cast<unsigned>(config_.cores.workers.size());
  unsigned before = 0;
  for (std::size_t i = 0; i < port; ++i) before += ports_[i]->queues();
  return (before + queue) % workers;
}

WorkerParts Engine::parts_of(unsigned worker) const {
  WorkerParts parts;
  parts.id = worker;
  parts.fabric = fabric_.get();
  parts.forwarding = &topology_->copies();
  parts.pool = pool_of(static_cast<int>(rte_socket_id()));
  parts.nat = options_.nat;
  parts.clock = options_.clock;
  parts.dns_cores = dns_cores();
  for (std::size_t port = 0; port < ports_.size(); ++port) {
    const unsigned queues = ports_[port]->queues();
    // Workers without a queue share those there are.
    const unsigned fallback = worker % queues;
    TxQueue tx{ports_[port]->id(), static_cast<uint16_t>(fallback), queue_owner(port, fallback)};
    bool found = false;
    for (unsigned queue = 0; queue < queues; ++queue) {
      if (queue_owner(port, queue) != worker) continue;
      parts.rx.push_back({static_cast<uint16_t>(port), static_cast<uint16_t>(queue)});
      if (!found) tx = {ports_[port]->id(), static_cast<uint16_t>(queue), worker};
      found = true;
    }
    tx.wants_turns = ports_[port]->wants_turns();
    parts.tx.push_back(tx);
  }
  return parts;
}

Status Engine::make_workers() {
  for (unsigned id = 0; id < config_.cores.workers.size(); ++id) {
    auto worker = Worker::make(parts_of(id));
    if (!worker) return worker.error();
    workers_.push_back(std::move(*worker));
  }
  for (unsigned core = 0; core < dns_cores(); ++core) {
    dns_ends_.push_back(std::make_unique<EngineDnsEnd>(*this, core, config_.cores.dns[core]));
  }
  return Ok{};
}

// Each on its worker's core: the kernel clears pages of all workers at a time, and takes them from
// the memory of that core's node.
void Engine::touch_tables() {
  std::vector<std::thread> threads;
  for (unsigned id = 0; id < workers_.size(); ++id) {
    threads.emplace_back([this, id] {
      (void)pin_thread(config_.cores.workers[id]);  // launch() says if that cannot be
      workers_[id]->translator().touch_memory();
    });
  }
  for (auto& thread : threads) thread.join();
}

Status Engine::make_statics() {
  statics_ = std::make_unique<nat::StaticBindings>(
      fabric_->ownership, [this](unsigned worker, const nat::StaticBindings::Question& question) {
        return ask(worker, [&](nat::Translator& translator, uint32_t) { question(translator); });
      });
  return statics_->configure(static_bindings(options_.nat));
}

Status Engine::launch(unsigned id) {
  std::promise<Status> ready;
  auto is_ready = ready.get_future();
  threads_[id].thread = std::thread([this, id, &ready] {
    auto prepared =
        prepare_thread(fmt::format("worker-{}", id), config_.cores.workers[id], "cores.workers");
    threads_[id].numa_node = rte_socket_id();
    const bool ok = static_cast<bool>(prepared);
    ready.set_value(std::move(prepared));
    if (!ok) return;
    workers_[id]->run(stop_, config_.cores.idle);
    rte_thread_unregister();
  });
  return is_ready.get();
}

Status Engine::start() {
  if (running_) return Ok{};
  stop_ = false;
  threads_ = std::vector<Thread>(workers_.size());
  running_ = true;
  for (unsigned id = 0; id < workers_.size(); ++id) {
    if (auto ok = launch(id); !ok) {
      stop();
      return ok;
    }
  }
  return Ok{};
}

void Engine::stop() {
  telemetry_.reset();
  stop_ = true;
  for (auto& thread : threads_) {
    if (thread.thread.joinable()) thread.thread.join();
  }
  threads_.clear();
  running_ = false;
  dns_ends_.clear();
  workers_.clear();
  // Rings give their packets back to pools; ports give theirs back when they close.
  fabric_.reset();
  topology_.reset();
  ports_.clear();
  pools_.clear();
}

}  // namespace isthmus::dataplane
