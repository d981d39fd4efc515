// SPDX-License-Identifier: BSD-3-Clause
// hot path
// One worker: its stages, and the loop that drives them.
//
// Theory of operation. poll_once() is one turn of the loop and all there is to it; run() repeats it
// on the worker's own thread. In a turn the worker takes what other workers gave it, then a burst
// from each of its receive queues; parses and classifies every packet into `six_` or `four_`, or
// punts, hands off or drops it; runs the NAT stage over both; and flushes what gathered for other
// workers and for ports. Fragments that had to wait, and were copied and freed meanwhile, come back
// in buffers of this worker's own, and go the same way as fresh ones. Between turns it looks after
// expiry, the control core's packets and questions, and says that it holds no reference to the
// forwarding state. Everything a packet touches belongs to this worker, but the rings at its edges.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "conf/config.h"
#include "dataplane/classify.h"
#include "dataplane/clock.h"
#include "dataplane/core.h"
#include "dataplane/forward_stage.h"
#include "dataplane/handoff.h"
#include "dataplane/left_right.h"
#include "dataplane/nat_stage.h"
#include "dataplane/plain_burst.h"
#include "dataplane/punt.h"
#include "dataplane/requests.h"
#include "dataplane/route_stage.h"
#include "dataplane/tx.h"
#include "dataplane/work.h"
#include "nat/fragment_home.h"
#include "nat/translator.h"
#include "telemetry/histogram.h"

namespace isthmus::dataplane {

struct RxQueue {
  uint16_t port = 0;  ///< index into Fabric::ports
  uint16_t queue = 0;
};

struct Prospect;
struct Simulation;

/// What a worker is made of; see Fabric for what it shares.
struct WorkerParts {
  unsigned id = 0;
  const Fabric* fabric = nullptr;
  LeftRight* forwarding = nullptr;
  rte_mempool* pool = nullptr;
  nat::Settings nat;
  Clock clock;
  std::vector<RxQueue> rx;
  std::vector<TxQueue> tx;
  unsigned dns_cores = 0;
};

/// How much the loop did; single writer, read with relaxed loads.
struct LoopCounters {
  uint64_t loops = 0;
  uint64_t busy_loops = 0;
  uint64_t packets = 0;
  uint64_t busy_cycles = 0;
  uint64_t total_cycles = 0;
  telemetry::BurstHistogram bursts;         ///< of busy loops
  telemetry::CycleHistogram packet_cycles;  ///< of packets, by the mean of their loop
};

/// What came in on a port, and how much of it belonged to somebody else.
struct PortSteering {
  uint64_t received = 0;
  uint64_t handed_off = 0;
  uint64_t mismatched = 0;  ///< of those: the device ought to have known
};

class Worker {
 public:
  static Result<std::unique_ptr<Worker>> make(WorkerParts parts);

  /// One turn of the loop; how many packets it took in.
  unsigned poll_once();
  /// Turns until `stop`, on a thread of its own.
  void run(const std::atomic<bool>& stop, conf::Idle idle);

  // The control core's ends.
  SpscRing& punt_ring() { return *punt_ring_; }
  SpscRing& inject_ring() { return *inject_ring_; }
  /// A DNS core's ends.
  const DnsLane& dns_lane(unsigned core) const { return dns_lanes_[core]; }
  Requests& requests() { return requests_; }
  const telemetry::Counters& counters() const { return *counters_; }
  const LoopCounters& loop_counters() const { return loop_; }
  const std::vector<PortSteering>& steering() const { return steering_; }
  const std::vector<RxQueue>& rx_queues() const { return parts_.rx; }
  /// For questions while the worker does not run.
  nat::Translator& translator() { return *translator_; }
  uint32_t now_ms() const { return parts_.clock.now_ms(); }

  /// One worker's part of Dataplane::simulate(), as the answer to a question (simulate.cc).
  void simulate(Simulation& sim);

  /// Copies packets to it from now on; nullptr: no longer. As the answer to a question.
  void set_tap(Tap* tap) { core_.tap = tap; }

 private:
  /// What can fail to be made.
  struct Resources {
    std::unique_ptr<telemetry::Counters> counters;
    std::unique_ptr<SpscRing> punt_ring;
    std::unique_ptr<SpscRing> inject_ring;
    std::vector<DnsLane> dns_lanes;
    std::unique_ptr<nat::Translator> translator;
  };
  Worker(WorkerParts parts, Resources resources);

  unsigned room();
  unsigned take_handoffs();
  unsigned take_queue(const RxQueue& queue);
  unsigned take_injected();
  unsigned take_injected(SpscRing& ring);
  unsigned take_released();
  template <class From>
  rte_mbuf* next_released(From& from, Work*& work, nat::Released& how);
  void accept(rte_mbuf* mbuf);
  unsigned accept_plain(rte_mbuf* const* mbufs, unsigned count);
  void receive(rte_mbuf* frame, const PortTable& port);
  uint64_t take_frames(rte_mbuf* const* frames, unsigned count, uint16_t port);
  template <int kFamily>
  rte_mbuf* const* take_plain(rte_mbuf* const* next, rte_mbuf* const* end, const PlainBurst& burst,
                              uint64_t& bytes);
  template <int kFamily>
  bool give_plain(rte_mbuf* frame, const PlainBurst& burst, Work& work, std::size_t& place);
  void receive_ip(rte_mbuf* frame, const LinkView& link);
  void give_to_nat(rte_mbuf* mbuf, Work& work, const Origin& origin);
  void give_fragment(rte_mbuf* mbuf, Work& work, const Origin& origin);
  static void fill_meta(rte_mbuf* mbuf, const Work& work, const Origin& origin);
  void hand_over(rte_mbuf* mbuf, FrameMeta::Task task, unsigned to, const Origin& origin);
  template <int kFamily>
  void hand_plain(rte_mbuf* frame, const uint8_t* ip, InterfaceId interface, unsigned to);
  bool is_mismatch(rte_mbuf* mbuf, const PortTable& port) const;
  bool is_mismatch(const net::Ip6& source, const PortTable& port) const;
  bool is_mismatch(net::Ip4 destination, bool shows_ports, uint16_t to_port,
                   const PortTable& port) const;
  static void resume(rte_mbuf* mbuf, Work& work);
  void translate();
  void turn_around();
  void housekeep();

  // While packets are traced (trace.cc).
  unsigned trace_queue(rte_mbuf* const* frames, unsigned count, const RxQueue& queue);
  void trace_frame(rte_mbuf* frame, const PortTable& port);
  void trace_handoff(rte_mbuf* mbuf, unsigned from);
  void foresee_traced(std::span<const uint8_t> packet, const Origin& origin, bool to_group,
                      std::optional<unsigned> from);

  bool simulate_receive(Simulation& sim);
  void simulate_passing(Simulation& sim);
  template <int kFamily>
  void simulate_translation(Simulation& sim);
  void simulate_way(Prospect& out, AdjacencyIndex index, const net::PacketBuf& packet) const;
  InterfaceId way_back(const net::PacketBuf& packet, const net::PacketView& view) const;

  const WorkerParts parts_;
  std::unique_ptr<telemetry::Counters> counters_;
  std::unique_ptr<SpscRing> punt_ring_;
  std::unique_ptr<SpscRing> inject_ring_;
  const std::vector<DnsLane> dns_lanes_;
  std::unique_ptr<nat::Translator> translator_;
  Core core_;
  Requests requests_;
  Handoff handoff_;
  Transmitter tx_;
  Punter punter_;
  RouteStage route_;
  NatStage nat_;
  ForwardStage forward_;
  Classifier classifier_;
  PlainBursts plain_bursts_;
  Work six_;
  Work four_;
  Work second_half_;  ///< of hairpins; IPv4
  LoopCounters loop_;
  std::vector<PortSteering> steering_;  ///< by port
  uint64_t last_tsc_;
};

}  // namespace isthmus::dataplane
