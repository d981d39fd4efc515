// SPDX-License-Identifier: BSD-3-Clause
// A worker that traces: packets one at a time, each told of before it goes its way.
#include <rte_cycles.h>

#include <algorithm>
#include <cstring>

#include "dataplane/simulation.h"
#include "dataplane/tracer.h"
#include "dataplane/worker.h"

namespace isthmus::dataplane {

static_assert(Tracer::kMostBytes <= Simulation::kMostBytes);

Tracer::Tracer(std::optional<PacketFilter> filter)
    : filter_(std::move(filter)), simulation_(std::make_unique<Simulation>()), places_(kPlaces) {}
Tracer::~Tracer() = default;

bool Tracer::wants(const uint8_t* ip, uint32_t length) const {
  if (length == 0 || length > kMostBytes) return false;
  return !filter_ || filter_->matches(ip, length, length);
}

void Tracer::add(std::span<const uint8_t> before, std::optional<unsigned> from_worker) {
  const uint32_t in = in_.load(std::memory_order_relaxed) + pending_;
  if (in - out_.load(std::memory_order_acquire) >= kPlaces) {
    __atomic_store_n(&lost_, lost_ + 1, __ATOMIC_RELAXED);
    return;
  }
  const auto keep = [](std::span<const uint8_t> from, std::array<uint8_t, kSnap>& to) {
    std::memcpy(to.data(), from.data(), std::min<std::size_t>(from.size(), kSnap));
    return static_cast<uint32_t>(std::min<std::size_t>(from.size(), kSnap));
  };
  Step& step = places_[in % kPlaces];
  step.tsc = rte_rdtsc();
  step.from_worker = from_worker;
  step.is_second_half = simulation_->is_second_half;
  step.length = keep(before, step.bytes);
  step.prospect = simulation_->prospect;
  step.out_length = keep(simulation_->packet(), step.out);
  step.dropped = DropReason::kNone;
  step.punted.reset();
  ++pending_;
}

Tracer::Step* Tracer::last() {
  if (pending_ == 0) return nullptr;
  return &places_[(in_.load(std::memory_order_relaxed) + pending_ - 1) % kPlaces];
}

void Tracer::note_drop(DropReason reason) {
  if (Step* step = last(); step != nullptr) step->dropped = reason;
}

void Tracer::note_punt(PuntKind kind) {
  if (Step* step = last(); step != nullptr) step->punted = kind;
}

void Tracer::commit() {
  in_.store(in_.load(std::memory_order_relaxed) + pending_, std::memory_order_release);
  pending_ = 0;
}

const Tracer::Step* Tracer::next() const {
  const uint32_t out = out_.load(std::memory_order_relaxed);
  return out == in_.load(std::memory_order_acquire) ? nullptr : &places_[out % kPlaces];
}

// As Engine::simulate() asks, as far as this worker goes; the rest is told by the one that gets it.
void Worker::foresee_traced(std::span<const uint8_t> packet, const Origin& origin, bool to_group,
                            std::optional<unsigned> from) {
  Tracer& tracer = *core_.tap->tracer();
  Simulation& sim = tracer.simulation();
  sim.is_second_half = origin.keep_hop_limit;
  sim.ingress = origin.interface;
  sim.to_group = to_group;
  sim.set_packet(packet);
  simulate(sim);
  if (sim.elsewhere) return;
  tracer.add(packet, from);
  if (sim.prospect.end != Prospect::End::kTurned) return;
  std::array<uint8_t, Tracer::kSnap> turned;
  const auto half = sim.packet();
  if (half.size() > turned.size()) return;
  std::copy(half.begin(), half.end(), turned.begin());
  sim.is_second_half = true;
  const std::span<const uint8_t> again(turned.data(), half.size());
  simulate(sim);
  if (!sim.elsewhere) tracer.add(again, std::nullopt);
}

void Worker::trace_frame(rte_mbuf* frame, const PortTable& port) {
  LinkView link;
  const bool is_ip = frame->nb_segs == 1 && parse_link(frame, port, link) == DropReason::kNone &&
                     (link.ether_type == net::kEtherIp4 || link.ether_type == net::kEtherIp6);
  const auto* ip = rte_pktmbuf_mtod_offset(frame, const uint8_t*, link.length);
  const auto length = static_cast<uint32_t>(frame->data_len - link.length);
  if (!is_ip || !core_.tap->tracer()->wants(ip, length)) return receive(frame, port);
  translate();
  Origin origin;
  origin.interface = link.interface;
  foresee_traced({ip, length}, origin, link.group, std::nullopt);
  receive(frame, port);
  translate();
  core_.tap->tracer()->commit();
}

// As the rest of take_queue(), slowly.
unsigned Worker::trace_queue(rte_mbuf* const* frames, unsigned count, const RxQueue& queue) {
  uint64_t bytes = 0;
  for (unsigned i = 0; i < count; ++i) {
    bytes += frames[i]->pkt_len;
    trace_frame(frames[i], core_.fabric.ports[queue.port]);
  }
  steering_[queue.port].received += count;
  core_.counters.add(Counter::kRxPackets, count);
  core_.counters.add(Counter::kRxBytes, bytes);
  return count;
}

void Worker::trace_handoff(rte_mbuf* mbuf, unsigned from) {
  const FrameMeta& meta = meta_of(mbuf);
  const auto* ip = rte_pktmbuf_mtod(mbuf, const uint8_t*);
  if (meta.task != FrameMeta::Task::kDecide || !core_.tap->tracer()->wants(ip, mbuf->data_len)) {
    return accept(mbuf);
  }
  translate();
  Origin origin;
  origin.interface = meta.interface;
  origin.keep_hop_limit = meta.keep_hop_limit;
  foresee_traced({ip, mbuf->data_len}, origin, false, from);
  accept(mbuf);
  translate();
  core_.tap->tracer()->commit();
}

}  // namespace isthmus::dataplane
