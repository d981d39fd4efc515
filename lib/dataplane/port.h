// SPDX-License-Identifier: BSD-3-Clause
// One Ethernet device, from probing to closing.
//
// Theory of operation. open() attaches the device (or takes one that is already there by that
// name), decides its number of queues and configures it; setup() gives its queues their buffers;
// start() makes it run. Receive queue q and transmit queue q belong to the same worker. Nothing
// that would touch a transit packet's checksum, merge packets or strip tags is ever enabled.
#pragma once

#include <rte_mempool.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "conf/config.h"
#include "dataplane/dataplane.h"
#include "net/result.h"

namespace isthmus::dataplane {

class Port {
 public:
  static Result<std::unique_ptr<Port>> open(const conf::Port& config, unsigned workers);
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  Status setup(rte_mempool* pool);
  Status start();
  /// Stops and closes the device, and removes it if open() attached it. Idempotent.
  void close();

  uint16_t id() const { return id_; }
  uint16_t queues() const { return queues_; }
  unsigned rx_descriptors() const { return rx_descriptors_; }
  unsigned tx_descriptors() const { return tx_descriptors_; }
  int socket() const;
  const conf::Port& config() const { return config_; }
  net::Mac mac() const;
  bool link_up() const;
  bool is_pci() const { return pci_; }
  PortInfo info() const;

 private:
  explicit Port(const conf::Port& config) : config_(config) {}
  Status attach();
  Status configure(unsigned workers);
  Status set_mtu();
  void receive_multicast();

  conf::Port config_;
  uint16_t id_ = 0;
  uint16_t queues_ = 0;
  uint16_t rx_descriptors_ = 0;
  uint16_t tx_descriptors_ = 0;
  bool open_ = false;
  bool attached_ = false;
  bool pci_ = false;
};

}  // namespace isthmus::dataplane
