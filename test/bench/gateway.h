// SPDX-License-Identifier: BSD-3-Clause
// A gateway of one worker on two ports of ours and on virtual time, driven turn by turn.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/bare.h"
#include "bench/frames.h"
#include "bench/port.h"
#include "dataplane/engine.h"

namespace isthmus::bench {

struct GatewayOptions {
  unsigned cpu = 0;
  uint32_t sessions = 1000;
  Shape shape;
  std::vector<unsigned> payloads{18};  ///< of frames in turn, behind the transport header
  unsigned burst = 64;                 ///< frames of established flows that a port has each time
  bool blocks = false;                 ///< ports are lent in blocks, and sessions told of
  bool huge_pages = true;
};

class Gateway {
 public:
  explicit Gateway(const GatewayOptions& options);
  ~Gateway();

  /// One turn of the production loop; then what the control core does meanwhile.
  void turn() {
    engine_->worker(0).poll_once();
    if (options_.blocks) forget_events();
  }
  /// Turns without traffic, and time, until all sessions have ended and their ports are free.
  void forget_all();
  void advance(uint32_t milliseconds) { now_ms_ += milliseconds; }
  uint32_t now_ms() const { return now_ms_; }
  nat::Settings settings() const { return dataplane::make_settings(make_config(), 1); }

  uint32_t sessions() const { return options_.sessions; }
  uint32_t live_sessions();
  double bytes_per_session();
  uint64_t drops() const;
  std::string drops_text() const;
  /// For rx to tx without translation.
  void io();
  /// The same with the least possible translation; the flows must be set up.
  void bare();

  // What the ports receive from now on.
  void silence();
  /// New flows, one a packet, from number `first` on; their cells are noted if `note`.
  void generate_new(uint32_t first, bool note);
  void generate_6to4();
  void generate_4to6();
  /// Each port has a whole burst each time.
  void generate_mixed();
  void generate_siit_6to4();
  void generate_siit_4to6();
  // Both ways, from and to flows that are set up (gateway_rare.cc).
  /// Datagrams in two fragments, in order.
  void generate_fragments();
  /// ICMP errors about packets of flows.
  void generate_errors();

  Port& six() { return *six_; }
  Port& four() { return *four_; }
  const Shape& shape() const { return options_.shape; }
  net::Mac mac(unsigned interface) const { return engine_->interfaces()[interface].mac; }
  uint64_t received() const { return six_->received() + four_->received(); }
  uint64_t sent() const { return six_->sent() + four_->sent(); }
  uint64_t own_cycles() const { return six_->own_cycles() + four_->own_cycles() + own_cycles_; }
  double frame6() const { return mean_frame(udp6_); }
  double frame4() const { return mean_frame(udp4_); }

  dataplane::Engine& engine() { return *engine_; }

 private:
  conf::Config make_config() const;
  void make_topology();
  static double mean_frame(const std::vector<Template>& templates);
  void forget_events();
  struct Flow {
    uint32_t number;
    Cell cell;
  };
  const Flow& next_flow() { return order_[turn_++ & (order_.size() - 1)]; }
  const Template& any_of(const std::vector<Template>& templates) {
    return templates[sizes_++ % templates.size()];
  }
  void write_flow6(rte_mbuf* mbuf, uint32_t flow);
  void write_6to4(rte_mbuf** mbufs, unsigned count);
  void write_4to6(rte_mbuf** mbufs, unsigned count);
  void write_fragment6(rte_mbuf* mbuf, bool first);
  void write_fragment4(rte_mbuf* mbuf, bool first);
  void write_error6(rte_mbuf* mbuf);
  void write_error4(rte_mbuf* mbuf);

  GatewayOptions options_;
  uint32_t now_ms_ = 1;
  std::unique_ptr<dataplane::Engine> engine_;
  std::unique_ptr<Port> six_, four_;
  std::vector<Template> udp6_, udp4_;
  std::unique_ptr<Bare> bare_;
  std::vector<Cell> cells_;  ///< by flow
  /// Flows at random. Their cells stand here, too: the writing of frames, which does not count,
  /// reads them in a row, so that it does not cost the worker caches and TLBs.
  std::vector<Flow> order_;
  uint32_t turn_ = 0;
  uint32_t sizes_ = 0;
  Flow flow6_{}, flow4_{};  ///< of fragments
  uint32_t datagrams_ = 0;
  uint64_t own_cycles_ = 0;
};

}  // namespace isthmus::bench
