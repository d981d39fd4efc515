// SPDX-License-Identifier: BSD-3-Clause
// An Ethernet port whose queues a test fills and empties by hand.
#pragma once

#include <rte_mempool.h>
#include <rte_ring.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "net/addr.h"
#include "packets/builder.h"

namespace isthmus::test {

/// EAL without huge pages, once per test program.
void start_test_eal();

class RingPort {
 public:
  /// The device is named "net_ring_NAME"; that is the device string for the configuration.
  RingPort(const std::string& name, unsigned queues, unsigned ring_size = 1024);
  /// Everything still in its rings is freed.
  ~RingPort();
  RingPort(const RingPort&) = delete;
  RingPort& operator=(const RingPort&) = delete;

  std::string device() const { return "net_ring_" + name_; }
  unsigned queues() const { return static_cast<unsigned>(rx_.size()); }
  net::Mac mac() const;

  /// A frame as if from the wire; `segment` splits it into mbufs of that many bytes.
  void deliver(unsigned queue, const Bytes& frame, std::size_t segment = SIZE_MAX);
  /// What was sent since, over all queues.
  std::vector<Bytes> sent();
  /// Frees what is in the rings; call before buffers' pools go.
  void drain();

 private:
  std::string name_;
  uint16_t port_id_ = 0;
  std::vector<rte_ring*> rx_;
  std::vector<rte_ring*> tx_;
  rte_mempool* pool_ = nullptr;
};

}  // namespace isthmus::test
