// SPDX-License-Identifier: BSD-3-Clause
// An Ethernet port without a wire: what it receives is written here, what it sends ends here.
//
// Theory of operation. The device is a net_null port, so that it configures and starts like any
// other; then its burst functions are replaced by ours. Receiving takes fresh mbufs from the
// gateway's own pool and has their headers written anew; sending frees them to that pool, as a
// driver would. The time that writing (and looking at what was sent) takes is measured and kept
// apart, so that what is left is rx to tx.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <functional>
#include <string>

namespace isthmus::bench {

class Port {
 public:
  using Frames = std::function<void(rte_mbuf** mbufs, unsigned count)>;

  /// The name of a device for the configuration.
  static std::string device(const std::string& name) { return "net_null_" + name; }
  /// Takes the started device over, and the gateway's only pool of buffers.
  explicit Port(const std::string& name);
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  /// Writes the frames that arrive, `limit` in all; an empty one: none arrive.
  void generate(Frames frames, unsigned burst = 64, uint64_t limit = ~uint64_t{0}) {
    generate_ = std::move(frames);
    burst_ = burst;
    left_ = limit;
  }
  /// Looks at frames that were sent before they are freed.
  void observe(Frames frames) { observe_ = std::move(frames); }

  uint16_t id() const { return id_; }
  uint64_t received() const { return received_; }
  uint64_t sent() const { return sent_; }
  /// Cycles that were ours and not the gateway's.
  uint64_t own_cycles() const { return own_cycles_; }

 private:
  static uint16_t receive(void* port, rte_mbuf** mbufs, uint16_t count);
  static uint16_t send(void* port, rte_mbuf** mbufs, uint16_t count);
  /// Neither is inlined: callgrind is told by name not to count them.
  void write(rte_mbuf** mbufs, uint16_t count);
  void look(rte_mbuf** mbufs, uint16_t count);

  rte_mempool* pool_ = nullptr;
  uint16_t id_ = 0;
  unsigned burst_ = 0;
  uint64_t left_ = 0;
  void* self_[1];  ///< what DPDK takes for an array of queues
  Frames generate_, observe_;
  uint64_t received_ = 0, sent_ = 0, own_cycles_ = 0;
};

}  // namespace isthmus::bench
