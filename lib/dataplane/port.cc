// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port.h"

#include <fmt/format.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <tuple>

#include "dataplane/eal.h"

namespace isthmus::dataplane {
namespace {

constexpr uint64_t kWantedRss = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP;

bool can_be_told(const rte_eth_dev_info& info) {
  return (info.flow_type_rss_offloads & RTE_ETH_RSS_IP) != 0 &&
         info.hash_key_size >= std::tuple_size_v<decltype(steer::RssPlan::key)> &&
         info.reta_size >= steer::kSlots && info.reta_size <= RTE_ETH_RSS_RETA_SIZE_512 &&
         std::has_single_bit(unsigned{info.reta_size});
}

steer::Facing facing_of(const conf::Port& port) {
  bool ip4 = false, ip6 = false;
  for (const auto& interface : port.interfaces) {
    for (const auto& own : interface.addresses) {
      (std::holds_alternative<net::Ip4>(own.address) ? ip4 : ip6) = true;
    }
  }
  if (ip4 == ip6) return steer::Facing::kBoth;
  return ip4 ? steer::Facing::kOutside : steer::Facing::kInside;
}

Error port_error(const conf::Port& port, const std::string& what) {
  return Error{fmt::format("port \"{}\" ({}): {}", port.name, device_text(port), what)};
}

}  // namespace

Result<std::unique_ptr<Port>> Port::open(const conf::Port& config,
                                         const steer::Ownership& ownership) {
  std::unique_ptr<Port> port(new Port(config));
  if (auto attached = port->attach(); !attached) return attached.error();
  if (auto configured = port->configure(ownership); !configured) return configured.error();
  return port;
}

Port::~Port() {
  close();
}

Status Port::attach() {
  pci_ = is_pci_device(config_.device);
  for (const auto& member : config_.members) {
    pci_ = pci_ || is_pci_device(member);
    auto device = attach_device(member);
    if (!device) return port_error(config_, fmt::format("{}: {}", member, device.error().text));
    members_.push_back(*device);
  }
  auto device = attach_device(members_.empty() ? config_.device : bond_of(config_));
  if (!device) return port_error(config_, device.error().text);
  device_ = *device;
  open_ = true;
  if (members_.empty()) return Ok{};
  auto gathered = gather_members(device_);
  return gathered ? gathered : port_error(config_, gathered.error().text);
}

Status Port::configure(const steer::Ownership& ownership) {
  const unsigned workers = ownership.workers();
  rte_eth_dev_info info{};
  if (const int code = rte_eth_dev_info_get(device_.id, &info); code != 0) {
    return port_error(config_, fmt::format("cannot be queried: {}", driver_text(code)));
  }
  const unsigned wanted = config_.queues == 0 ? workers : config_.queues;
  // Several drivers insist on as many transmit as receive queues.
  queues_ = static_cast<uint16_t>(
      std::min({wanted, unsigned{info.max_rx_queues}, unsigned{info.max_tx_queues}}));
  if (queues_ == 0) return port_error(config_, "device has no queues");
  if (info.max_mtu != 0 && config_.mtu > info.max_mtu) {
    return port_error(
        config_, fmt::format("mtu {} is more than the device's {}", config_.mtu, info.max_mtu));
  }

  if (queues_ > 1 && queues_ == workers && can_be_told(info)) {
    plan_ = steer::RssPlan::make(ownership, facing_of(config_), info.reta_size);
    key_.assign(plan_->key.begin(), plan_->key.end());
    key_.resize(info.hash_key_size);  // what follows belongs to fields that do not count
  }
  rte_eth_conf conf{};
  int code = configure_queues(info, conf);
  if (code != 0 && plan_) {
    plan_.reset();
    code = configure_queues(info, conf);
  }
  if (code != 0) {
    return port_error(
        config_, fmt::format("{} queues cannot be configured: {}", queues_, driver_text(code)));
  }
  rx_descriptors_ = config_.rx_descriptors;
  tx_descriptors_ = config_.tx_descriptors;
  rte_eth_dev_adjust_nb_rx_tx_desc(device_.id, &rx_descriptors_, &tx_descriptors_);
  return Ok{};
}

int Port::configure_queues(const rte_eth_dev_info& info, rte_eth_conf& conf) {
  conf = {};
  conf.rxmode.mtu = config_.mtu;
  const uint64_t rss = info.flow_type_rss_offloads & kWantedRss;
  spreads_ = queues_ > 1 && rss != 0;
  if (spreads_) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf.rss_hf = rss;
  }
  if (plan_) {
    conf.rx_adv_conf.rss_conf.rss_key = key_.data();
    conf.rx_adv_conf.rss_conf.rss_key_len = static_cast<uint8_t>(key_.size());
  }
  const int code = rte_eth_dev_configure(device_.id, queues_, queues_, &conf);
  if (code != -EINVAL) return code;
  // Devices of fixed frame size refuse any MTU here, the default one included.
  conf.rxmode.mtu = 0;
  return rte_eth_dev_configure(device_.id, queues_, queues_, &conf);
}

bool Port::write_table(const std::function<uint16_t(unsigned)>& queue_of) {
  const auto entries = static_cast<uint16_t>(plan_->worker.size());
  std::vector<rte_eth_rss_reta_entry64> table(entries / RTE_ETH_RETA_GROUP_SIZE), taken(table);
  for (unsigned i = 0; i < entries; ++i) {
    auto& group = table[i / RTE_ETH_RETA_GROUP_SIZE];
    group.mask = ~uint64_t{0};
    group.reta[i % RTE_ETH_RETA_GROUP_SIZE] = queue_of(plan_->worker[i]);
    taken[i / RTE_ETH_RETA_GROUP_SIZE].mask = ~uint64_t{0};
  }
  if (rte_eth_dev_rss_reta_update(device_.id, table.data(), entries) != 0) return false;
  if (rte_eth_dev_rss_reta_query(device_.id, taken.data(), entries) != 0) return false;
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (!std::equal(std::begin(table[i].reta), std::end(table[i].reta),
                    std::begin(taken[i].reta))) {
      return false;
    }
  }
  return true;
}

bool Port::has_taken_key() const {
  std::vector<uint8_t> taken(key_.size());
  rte_eth_rss_conf now{};
  now.rss_key = taken.data();
  now.rss_key_len = static_cast<uint8_t>(taken.size());
  return rte_eth_dev_rss_hash_conf_get(device_.id, &now) == 0 && taken == key_;
}

// Some drivers only listen when the device is configured, some only afterwards.
bool Port::write_key() {
  if (has_taken_key()) return true;
  rte_eth_rss_conf wanted{};
  wanted.rss_key = key_.data();
  wanted.rss_key_len = static_cast<uint8_t>(key_.size());
  rte_eth_dev_info info{};
  if (rte_eth_dev_info_get(device_.id, &info) != 0) return false;
  wanted.rss_hf = info.flow_type_rss_offloads & kWantedRss;
  return rte_eth_dev_rss_hash_update(device_.id, &wanted) == 0 && has_taken_key();
}

void Port::steer(const std::function<uint16_t(unsigned)>& queue_of) {
  if (plan_ && !(write_key() && write_table(queue_of))) plan_.reset();
}

const char* Port::rung() const {
  if (!plan_) return spreads_ ? "RSS by the driver's key, hand-off" : "software hand-off";
  if (plan_->inside && plan_->outside) return "compiled key";
  return plan_->inside ? "compiled key for IPv6" : "compiled key for IPv4";
}

Status Port::set_mtu() {
  const int code = rte_eth_dev_set_mtu(device_.id, config_.mtu);
  // Where the driver cannot be told, the device passes whatever fits a buffer.
  if (code == 0 || code == -ENOTSUP) return Ok{};
  uint16_t now = 0;
  if (rte_eth_dev_get_mtu(device_.id, &now) == 0 && now == config_.mtu) return Ok{};
  rte_eth_dev_info info{};
  if (rte_eth_dev_info_get(device_.id, &info) != 0) info = {};
  return port_error(config_, fmt::format("mtu {} cannot be set: {}. The driver takes frames of up "
                                         "to {} bytes, 18 of them for the link",
                                         config_.mtu, driver_text(code), info.max_rx_pktlen));
}

Status Port::setup(rte_mempool* pool) {
  const int where = socket();
  for (uint16_t queue = 0; queue < queues_; ++queue) {
    int code = rte_eth_rx_queue_setup(device_.id, queue, rx_descriptors_,
                                      static_cast<unsigned>(where), nullptr, pool);
    if (code == 0) {
      code = rte_eth_tx_queue_setup(device_.id, queue, tx_descriptors_,
                                    static_cast<unsigned>(where), nullptr);
    }
    if (code != 0) {
      return port_error(config_,
                        fmt::format("queue {} cannot be set up with {} receive and {} "
                                    "transmit descriptors: {}",
                                    queue, rx_descriptors_, tx_descriptors_, driver_text(code)));
    }
  }
  return set_mtu();
}

Status Port::start() {
  if (const int code = rte_eth_dev_start(device_.id); code != 0) {
    return port_error(config_, fmt::format("does not start: {}", driver_text(code)));
  }
  receive_multicast();
  return Ok{};
}

// Neighbor discovery arrives by multicast (RFC 4861 7.2.1), for groups that only the twin knows.
void Port::receive_multicast() {
  if (rte_eth_allmulticast_enable(device_.id) != 0) rte_eth_promiscuous_enable(device_.id);
}

void Port::close() {
  if (open_) detach_device(device_);
  open_ = false;
  for (const auto& member : members_) detach_device(member);
  members_.clear();
}

int Port::socket() const {
  return rte_eth_dev_socket_id(device_.id);
}

net::Mac Port::mac() const {
  rte_ether_addr address{};
  net::Mac mac;
  if (rte_eth_macaddr_get(device_.id, &address) == 0) {
    std::memcpy(mac.bytes.data(), address.addr_bytes, mac.bytes.size());
  }
  return mac;
}

bool Port::link_up() const {
  return is_link_up(device_.id);
}

PortInfo Port::info() const {
  PortInfo out;
  out.name = config_.name;
  out.device = device_text(config_);
  out.rx_queues = out.tx_queues = queues_;
  if (!open_) return out;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    out.members.push_back({config_.members[i], is_link_up(members_[i].id)});
  }
  rte_eth_dev_info info{};
  if (rte_eth_dev_info_get(device_.id, &info) == 0 && info.driver_name != nullptr) {
    out.driver = info.driver_name;
  }
  rte_eth_link link{};
  if (rte_eth_link_get_nowait(device_.id, &link) == 0) {
    out.link_up = link.link_status == RTE_ETH_LINK_UP;
    out.speed_mbps = link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link.link_speed;
  }
  rte_eth_stats stats{};
  if (rte_eth_stats_get(device_.id, &stats) == 0) {
    out.rx_packets = stats.ipackets;
    out.rx_bytes = stats.ibytes;
    out.rx_missed = stats.imissed;
    out.rx_errors = stats.ierrors;
    out.rx_no_buffer = stats.rx_nombuf;
    out.tx_packets = stats.opackets;
    out.tx_bytes = stats.obytes;
    out.tx_errors = stats.oerrors;
  }
  return out;
}

}  // namespace isthmus::dataplane
