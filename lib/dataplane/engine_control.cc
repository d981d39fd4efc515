// SPDX-License-Identifier: BSD-3-Clause
// What the control core asks of a running dataplane.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "dataplane/dns_end.h"
#include "dataplane/engine.h"
#include "dataplane/settings.h"
#include "nat/pool_update.h"

namespace isthmus::dataplane {
namespace {

uint64_t relaxed(const uint64_t& word) {
  return __atomic_load_n(&word, __ATOMIC_RELAXED);
}

}  // namespace

// --- packets ------------------------------------------------------------------------------------

unsigned Engine::take_punted(unsigned limit, const std::function<void(const Punted&)>& handler) {
  return take_in_turn(
      workers(), next_punter_++, limit,
      [this](unsigned worker) -> SpscRing& { return workers_[worker]->punt_ring(); }, handler);
}

unsigned Engine::take_events(unsigned limit,
                             const std::function<void(const TimedEvent&)>& handler) {
  unsigned total = 0;
  const auto unix_now = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  TimedEvent timed;
  for (unsigned i = 0; i < workers_.size() && total < limit; ++i) {
    timed.worker = (next_teller_ + i) % static_cast<unsigned>(workers_.size());
    auto& ring = workers_[timed.worker]->translator().events();
    const uint32_t now_ms = options_.clock.now_ms();
    for (; total < limit && ring.pop(timed.event); ++total) {
      // The event may be younger than our reading of the clock.
      const auto age = std::max(0, static_cast<int32_t>(now_ms - timed.event.time_ms));
      timed.unix_ms = static_cast<uint64_t>(unix_now.count() - age);
      handler(timed);
    }
  }
  ++next_teller_;
  return total;
}

Engine::Injection Engine::make_injection(InterfaceId interface,
                                         std::span<const uint8_t> frame) const {
  if (workers_.empty() || interface >= fabric_->interfaces.size()) return {};
  const LinkInterface& out = fabric_->interfaces[interface];
  constexpr std::size_t kMacs = 2 * sizeof(net::Mac);
  if (frame.size() < sizeof(net::EthHeader) || frame.size() > sizeof(net::EthHeader) + out.mtu) {
    return {};
  }
  rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_of(ports_[out.port]->socket()));
  if (mbuf == nullptr) return {};
  const std::size_t tag = out.vlan == 0 ? 0 : sizeof(net::VlanTag);
  auto* bytes = reinterpret_cast<uint8_t*>(
      rte_pktmbuf_append(mbuf, static_cast<uint16_t>(frame.size() + tag)));
  if (bytes == nullptr) {
    rte_pktmbuf_free(mbuf);
    return {};
  }
  std::memcpy(bytes, frame.data(), kMacs);
  if (tag != 0) {
    const net::Be16 words[2] = {net::Be16(net::kEtherVlan), net::Be16(out.vlan)};
    std::memcpy(bytes + kMacs, words, sizeof words);
  }
  std::memcpy(bytes + kMacs + tag, frame.data() + kMacs, frame.size() - kMacs);
  meta_of(mbuf).port = out.port;
  const bool to_us = net::header_at<net::EthHeader>(frame.data())->destination == out.mac;
  meta_of(mbuf).task = to_us ? FrameMeta::Task::kReceive : FrameMeta::Task::kTransmit;
  return {mbuf, queue_owner(out.port, 0)};
}

bool Engine::inject(InterfaceId interface, std::span<const uint8_t> frame) {
  const Injection made = make_injection(interface, frame);
  return made.mbuf != nullptr && push_or_free(workers_[made.worker]->inject_ring(), made.mbuf);
}

// --- forwarding state ---------------------------------------------------------------------------

void Engine::set_local_address(std::variant<net::Ip4, net::Ip6> address, InterfaceId interface,
                               bool present) {
  topology_->set_local_address(address, interface, present);
}

Status Engine::set_route(const std::variant<net::Ip4Prefix, net::Ip6Prefix>& prefix,
                         const std::optional<NextHop>& next_hop) {
  return topology_->set_route(prefix, next_hop);
}

void Engine::set_neighbor(std::variant<net::Ip4, net::Ip6> address, InterfaceId interface,
                          std::optional<net::Mac> mac) {
  topology_->set_neighbor(address, interface, mac);
}

void Engine::publish() {
  topology_->publish();
}

std::vector<RouteInfo> Engine::routes() const {
  return topology_->routes();
}

std::vector<NeighborInfo> Engine::neighbors() const {
  return topology_->neighbors();
}

// --- questions ----------------------------------------------------------------------------------

LoopCounters Engine::loop_of(unsigned id) const {
  const LoopCounters& loop = workers_[id]->loop_counters();
  LoopCounters copy;
  copy.loops = relaxed(loop.loops);
  copy.busy_loops = relaxed(loop.busy_loops);
  copy.packets = relaxed(loop.packets);
  copy.busy_cycles = relaxed(loop.busy_cycles);
  copy.total_cycles = relaxed(loop.total_cycles);
  copy.bursts = loop.bursts.read();
  copy.packet_cycles = loop.packet_cycles.read();
  return copy;
}

WorkerInfo Engine::worker_info(unsigned id) const {
  WorkerInfo info;
  const Worker& worker = *workers_[id];
  const LoopCounters loop = loop_of(id);
  info.cpu = config_.cores.workers[id];
  if (id < threads_.size()) info.numa_node = threads_[id].numa_node;
  info.loops = loop.loops;
  info.busy_loops = loop.busy_loops;
  info.packets = loop.packets;
  info.busy_cycles = loop.busy_cycles;
  info.total_cycles = loop.total_cycles;
  info.bursts = loop.bursts;
  info.packet_cycles = loop.packet_cycles;
  for (const auto& rx : worker.rx_queues()) {
    info.queues.emplace_back(config_.ports[rx.port].name, rx.queue);
  }
  return info;
}

std::vector<RingInfo> Engine::ring_info() const {
  std::vector<RingInfo> infos;
  for (unsigned id = 0; id < workers_.size(); ++id) {
    const auto& punt = workers_[id]->punt_ring();
    const auto& inject = workers_[id]->inject_ring();
    infos.push_back({id, "punt", punt.used(), punt.capacity()});
    infos.push_back({id, "inject", inject.used(), inject.capacity()});
    RingInfo queries{id, "queries"}, answers{id, "answers"};
    for (unsigned core = 0; core < dns_cores(); ++core) {
      const DnsLane& lane = workers_[id]->dns_lane(core);
      queries.used += lane.queries->used();
      queries.capacity += lane.queries->capacity();
      answers.used += lane.answers->used();
      answers.capacity += lane.answers->capacity();
    }
    if (dns_cores() != 0) infos.insert(infos.end(), {queries, answers});
    RingInfo handoff{id, "handoff"};
    for (unsigned from = 0; from < workers_.size(); ++from) {
      if (from == id) continue;
      handoff.used += fabric_->ring(from, id)->used();
      handoff.capacity += fabric_->ring(from, id)->capacity();
    }
    infos.push_back(std::move(handoff));
    const auto& events = workers_[id]->translator().events();
    infos.push_back({id, "events", events.waiting(), events.capacity()});
  }
  return infos;
}

std::vector<PortInfo> Engine::port_info() const {
  std::vector<PortInfo> infos;
  for (const auto& port : ports_) infos.push_back(port->info());
  return infos;
}

std::vector<SteeringInfo> Engine::steering_info() const {
  std::vector<SteeringInfo> infos;
  for (std::size_t port = 0; port < ports_.size(); ++port) {
    SteeringInfo& info = infos.emplace_back();
    info.port = config_.ports[port].name;
    info.rung = ports_[port]->rung();
    if (const auto* plan = ports_[port]->plan()) {
      info.key.assign(plan->key.begin(), plan->key.end());
      info.entries = static_cast<unsigned>(plan->worker.size());
    }
    info.mode4 =
        fabric_->ownership.mode4() == steer::Mode4::kByAddress ? "by address" : "by port block";
    for (const auto& worker : workers_) {
      info.received += relaxed(worker->steering()[port].received);
      info.handed_off += relaxed(worker->steering()[port].handed_off);
      info.mismatched += relaxed(worker->steering()[port].mismatched);
    }
  }
  return infos;
}

std::vector<MemoryPart> Engine::memory() const {
  std::vector<MemoryPart> parts;
  MemoryPart buffers{"packet buffers", 0, 0, 0};
  for (const auto& [socket, pool] : pools_) {
    buffers.bytes += pool_bytes(pool.get());
    buffers.capacity += pool->size;
    buffers.used += rte_mempool_in_use_count(pool.get());
  }
  MemoryPart tables{"forwarding tables", topology_bytes_, topology_routes_, 0};
  if (topology_ != nullptr) tables.used = topology_->routes().size();
  const uint64_t named = buffers.bytes + tables.bytes;
  const uint64_t all = dpdk_bytes();
  parts.push_back(std::move(buffers));
  parts.push_back(std::move(tables));
  parts.push_back({"rings, queues and drivers", all > named ? all - named : 0, 0, 0});
  return parts;
}

telemetry::Counters Engine::counters(unsigned id) const {
  telemetry::Counters copy;
  const telemetry::Counters& live = workers_[id]->counters();
  for (std::size_t i = 0; i < copy.value.size(); ++i) copy.value[i] = relaxed(live.value[i]);
  for (std::size_t i = 0; i < copy.drop.size(); ++i) copy.drop[i] = relaxed(live.drop[i]);
  return copy;
}

Status Engine::ask(unsigned id,
                   const std::function<void(nat::Translator&, uint32_t now_ms)>& question) {
  if (id >= workers_.size()) return Error{fmt::format("there is no worker {}", id)};
  Worker& worker = *workers_[id];
  if (!running_) {
    question(worker.translator(), worker.now_ms());
    return Ok{};
  }
  if (worker.requests().ask(question)) return Ok{};
  return Error{fmt::format("worker {} did not answer within a second", id)};
}

// --- changes ------------------------------------------------------------------------------------

// One step of a change, on all workers or, for want of memory or room, on none.
Status Engine::install_pools(const nat::Settings& settings) {
  std::vector<std::unique_ptr<nat::PoolUpdate>> updates;
  for (const auto& worker : workers_) {
    auto update = worker->translator().prepare_pools(settings);
    if (!update) return Error{update.error().text + "; or restart isthmusd, which divides anew"};
    updates.push_back(std::move(*update));
  }
  for (unsigned id = 0; id < workers_.size(); ++id) {
    auto asked = ask(
        id, [&](nat::Translator& translator, uint32_t) { translator.install_pools(*updates[id]); });
    if (!asked) return asked;
  }
  return Ok{};
}

Status Engine::end_leaving(const std::vector<steer::AddressRange>& leaving) {
  // As long as a burst takes a worker, or a little more.
  constexpr unsigned kScan = 2048;
  if (leaving.empty()) return Ok{};
  for (unsigned id = 0; id < workers_.size(); ++id) {
    uint64_t cursor = 0;
    do {
      auto asked = ask(id, [&](nat::Translator& translator, uint32_t) {
        cursor = translator.end_leaving(cursor, kScan, leaving).next_cursor;
      });
      if (!asked) return asked;
    } while (cursor != 0);
  }
  return Ok{};
}

// A host's bindings are on the worker that its packets go to.
std::optional<nat::LeaseAnswer> Engine::lease(const nat::LeaseWish& wish) {
  std::optional<nat::LeaseAnswer> answer;
  (void)ask(ownership().owner6(wish.inside),
            [&](nat::Translator& translator, uint32_t) { answer = translator.lease(wish); });
  return answer;
}

void Engine::end_lease(const nat::LeaseWish& wish) {
  (void)ask(ownership().owner6(wish.inside),
            [&](nat::Translator& translator, uint32_t) { translator.end_lease(wish); });
}

nat::Translator::Bound Engine::bound(const nat::LeaseWish& wish) {
  auto bound = nat::Translator::Bound::kNo;
  (void)ask(ownership().owner6(wish.inside),
            [&](nat::Translator& translator, uint32_t) { bound = translator.bound(wish); });
  return bound;
}

Status Engine::change_pools(const nat::Settings& wanted) {
  const nat::Settings before = options_.nat;
  const bool others = !nat::same_pools(before, wanted);
  auto done = others ? replace_pools(wanted) : Status(Ok{});
  if (!done) return done;
  done = take_statics(wanted);
  if (!done && others) (void)replace_pools(before);
  return done;
}

// Static bindings of addresses that have come from another pool, before these are lent.
Status Engine::settle(const nat::PoolChange& change, const nat::Settings& wanted) {
  if (!change.moves) return Ok{};
  if (auto done = install_pools(change.settle); !done) return done;
  statics_->reserve_again();
  return statics_->configure(static_bindings(wanted));
}

// The steps are explained in nat/pool_update.h. Static bindings may be refused, so all of them are
// asked before sessions end.
Status Engine::replace_pools(const nat::Settings& wanted) {
  // All workers have to be able to do it before any begins.
  for (const auto& worker : workers_) {
    auto update = worker->translator().prepare_pools(wanted);
    if (!update) return Error{update.error().text + "; or restart isthmusd, which divides anew"};
  }
  const nat::PoolChange change = nat::plan_change(options_.nat, wanted);
  auto done = install_pools(change.join);
  // Before addresses that come are open to all.
  statics_->reserve_again();
  if (done) done = statics_->configure(static_bindings(wanted), change.leaving);
  if (done) done = end_leaving(change.leaving);
  if (done) statics_->unreserve(change.leaving);
  if (done) done = settle(change, wanted);
  if (done) done = install_pools(wanted);
  if (!done) {
    (void)install_pools(options_.nat);
    statics_->reserve_again();
    (void)statics_->configure(static_bindings(options_.nat));
    return done;
  }
  for (std::size_t i = 0; i < wanted.instances.size(); ++i) {
    options_.nat.instances[i].pools = wanted.instances[i].pools;
    options_.nat.instances[i].filtering = wanted.instances[i].filtering;
  }
  return Ok{};
}

Status Engine::take_statics(const nat::Settings& wanted) {
  if (auto done = statics_->configure(static_bindings(wanted)); !done) return done;
  for (std::size_t i = 0; i < wanted.instances.size(); ++i) {
    options_.nat.instances[i].statics = wanted.instances[i].statics;
  }
  return Ok{};
}

Status Engine::update(const conf::Config& config) {
  nat::Settings settings = make_settings(config, options_.seed);
  settings.reserved_pages = options_.nat.reserved_pages;
  // First what may be refused.
  if (auto done = change_pools(settings); !done) return done;
  for (unsigned id = 0; id < workers_.size(); ++id) {
    auto asked =
        ask(id, [&](nat::Translator& translator, uint32_t) { translator.update(settings); });
    if (!asked) return asked;
  }
  // Tables of mappings are shared. The old ones go here, now that no worker uses them any more.
  options_.nat.stateless = settings.stateless;
  topology_->set_dns_addresses(config.dns64.enabled ? config.dns64.listen : std::vector<Address>{});
  topology_->set_edge(make_edge(config));
  topology_->publish();
  config_.limits = config.limits;
  config_.dns64 = config.dns64;
  return Ok{};
}

}  // namespace isthmus::dataplane
