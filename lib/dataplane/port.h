// SPDX-License-Identifier: BSD-3-Clause
// One Ethernet device, from probing to closing.
//
// Theory of operation. open() attaches the device (or takes one that is already there by that
// name), decides its number of queues and configures it; setup() gives its queues their buffers;
// start() makes it run; steer() tells it which queue is whose. Receive queue q and transmit queue q
// belong to the same worker. Nothing that would touch a transit packet's checksum, merge packets or
// strip tags is ever enabled.
//   How packets find their worker, best first:
//     1. the device gets ownership as RSS key and redirection table (steer/rss_plan.h). It must
//     have
//        a queue for each worker, take a key and a table of at least 128 entries, and give both
//        back as they were written. Which key depends on what the port faces: one with IPv6
//        addresses only faces the inside, one with IPv4 addresses only the outside, any other may
//        face both;
//     2. RSS with whatever key the driver has: several queues, and what is another worker's is
//        handed off;
//     3. one queue for each queue that there is, and hand-off.
//   The answer to a packet is the same on each.
#pragma once

#include <rte_mempool.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conf/config.h"
#include "dataplane/dataplane.h"
#include "dataplane/device.h"
#include "net/result.h"
#include "steer/rss_plan.h"

struct rte_eth_conf;
struct rte_eth_dev_info;

namespace isthmus::dataplane {

class Port {
 public:
  static Result<std::unique_ptr<Port>> open(const conf::Port& config,
                                            const steer::Ownership& ownership);
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  Status setup(rte_mempool* pool);
  Status start();
  /// `queue_of(worker)`: the queue that is the worker's.
  void steer(const std::function<uint16_t(unsigned)>& queue_of);
  /// What the device was told and has taken up, or nullptr.
  const steer::RssPlan* plan() const { return plan_ ? &*plan_ : nullptr; }
  const char* rung() const;
  /// Stops and closes the device, and removes it if open() attached it. Idempotent.
  void close();

  uint16_t id() const { return device_.id; }
  uint16_t queues() const { return queues_; }
  /// That have descriptors: one, or each member of a bond.
  unsigned devices() const { return std::max<unsigned>(1, static_cast<unsigned>(members_.size())); }
  unsigned rx_descriptors() const { return rx_descriptors_; }
  unsigned tx_descriptors() const { return tx_descriptors_; }
  int socket() const;
  const conf::Port& config() const { return config_; }
  net::Mac mac() const;
  bool link_up() const;
  bool is_pci() const { return pci_; }
  /// LACP: the driver sends its frames when a worker sends, which has to be ten times a second.
  bool wants_turns() const {
    return !config_.members.empty() && config_.bond_mode == conf::BondMode::k8023ad;
  }
  PortInfo info() const;

 private:
  explicit Port(const conf::Port& config) : config_(config) {}
  Status attach();
  Status configure(const steer::Ownership& ownership);
  int configure_queues(const rte_eth_dev_info& info, rte_eth_conf& conf);
  bool write_table(const std::function<uint16_t(unsigned)>& queue_of);
  bool has_taken_key() const;
  bool write_key();
  Status set_mtu();
  void receive_multicast();

  conf::Port config_;
  Device device_;
  std::vector<Device> members_;  ///< of a bond
  uint16_t queues_ = 0;
  uint16_t rx_descriptors_ = 0;
  uint16_t tx_descriptors_ = 0;
  bool open_ = false;
  bool pci_ = false;
  bool spreads_ = false;  ///< it uses RSS
  std::optional<steer::RssPlan> plan_;
  std::vector<uint8_t> key_;  ///< as long as the device wants it
};

}  // namespace isthmus::dataplane
