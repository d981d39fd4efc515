// SPDX-License-Identifier: BSD-3-Clause
// The load generator: initiator and responder of RFC 9693 in one thread, so that one clock stamps
// and reads all frames.
//
// Theory of operation: a trial is one or two streams (6to4 sent inside, 4to6 sent outside), each
// with a pacer. The loop sends what is due, receives what is there, and ends when all has come back
// or nothing has for a while. A 4to6 frame can only be sent once a 6to4 frame of its flow has come
// out and told the pool address and port. Between trials idle() answers ARP and neighbor discovery.
#pragma once

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <array>
#include <memory>

#include "bench/loadgen/flow_table.h"
#include "bench/loadgen/frame_maker.h"
#include "bench/loadgen/neighbor.h"
#include "bench/loadgen/order.h"
#include "bench/loadgen/pacer.h"
#include "bench/loadgen/trial.h"

namespace isthmus::loadgen {

struct Side {
  uint16_t port = 0;
  Link link;
  net::Mac gateway{};
  bool resolved = false;
};

class Tester {
 public:
  /// Opens the ports of both sides; they may be one port.
  static Result<std::unique_ptr<Tester>> open(const Side& inside, const Side& outside,
                                              const FrameMaker& maker, uint32_t flows,
                                              uint16_t descriptors);
  ~Tester();
  Tester(const Tester&) = delete;
  Tester& operator=(const Tester&) = delete;

  /// Finds the gateway's link addresses on both sides.
  Status resolve(double seconds);
  Trial run(const Command& command);
  /// To be called often while there is nothing to run.
  void idle();
  void forget() { table_.forget(); }

 private:
  struct Stream;
  static constexpr unsigned kBurst = 32;

  Tester(const Side& inside, const Side& outside, const FrameMaker& maker, uint32_t flows)
      : sides_{inside, outside}, maker_(maker), table_(flows) {}
  Status open_pools();
  Status open_port(Side& side, uint16_t descriptors);
  bool is_one_port() const { return sides_[0].port == sides_[1].port; }
  void send_frame(const Side& side, const std::vector<uint8_t>& frame);

  Stream make_stream(Way way, const Command& command, uint64_t start) const;
  void send_due(Stream& stream, Trial& trial, uint64_t now);
  uint32_t draw(Stream& stream, Trial& trial, uint32_t wanted, std::array<uint32_t, kBurst>& flows);
  void send(Way way, Trial& trial, const uint32_t* flows, uint32_t count);
  unsigned receive(Trial* trial);
  unsigned receive_on(uint16_t port, Trial* trial);
  void take(const uint8_t* frame, unsigned length, uint16_t port, uint64_t now, Trial* trial);
  void count(const Arrival& arrival, Way way, bool right, uint64_t now, Trial& trial);
  void learn(const Arrival& arrival, Trial& trial);
  void send_answers(Trial& trial);
  void take_neighbor(std::span<const uint8_t> frame, uint16_t port, Trial* trial);

  std::array<Side, 2> sides_;
  FrameMaker maker_;
  FlowTable table_;
  rte_mempool* tx_pool_ = nullptr;
  rte_mempool* rx_pool_ = nullptr;
  uint16_t trials_ = 0;
  std::array<uint32_t, 2> next_{};  ///< sequence number expected, by Way
  std::vector<uint32_t> to_answer_;
};

}  // namespace isthmus::loadgen
