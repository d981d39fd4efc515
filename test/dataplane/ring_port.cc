// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/ring_port.h"

#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "dataplane/eal.h"
#include "dataplane/memory.h"

namespace isthmus::test {
namespace {

constexpr unsigned kBuffers = 8191;

// One for all ports of the program: mbufs may outlive the port that made them.
rte_mempool* shared_pool() {
  static dataplane::Pool pool = [] {
    auto made = dataplane::make_pool(kBuffers, 9000, SOCKET_ID_ANY);
    if (!made) throw std::runtime_error(made.error().text);
    return std::move(*made);
  }();
  return pool.get();
}

Bytes bytes_of(const rte_mbuf* mbuf) {
  Bytes out;
  for (const rte_mbuf* segment = mbuf; segment != nullptr; segment = segment->next) {
    const auto* data = rte_pktmbuf_mtod(segment, const uint8_t*);
    out.insert(out.end(), data, data + segment->data_len);
  }
  return out;
}

}  // namespace

void start_test_eal() {
  dataplane::EalOptions options;
  options.huge_pages = conf::HugePages::kOff;
  options.megabytes = 1024;
  if (auto ok = dataplane::start_eal(options); !ok) throw std::runtime_error(ok.error().text);
}

RingPort::RingPort(const std::string& name, unsigned queues, unsigned ring_size) : name_(name) {
  start_test_eal();
  pool_ = shared_pool();
  for (unsigned queue = 0; queue < queues; ++queue) {
    const std::string suffix = name + std::to_string(queue);
    rx_.push_back(rte_ring_create(("rx-" + suffix).c_str(), ring_size, 0, 0));
    tx_.push_back(rte_ring_create(("tx-" + suffix).c_str(), ring_size, 0, 0));
  }
  const int port =
      rte_eth_from_rings(name.c_str(), rx_.data(), queues, tx_.data(), queues, SOCKET_ID_ANY);
  if (port < 0) throw std::runtime_error("ring port: " + std::string(rte_strerror(rte_errno)));
  port_id_ = static_cast<uint16_t>(port);
}

RingPort::~RingPort() {
  drain();
  rte_eth_dev_info info{};
  const bool known = rte_eth_dev_info_get(port_id_, &info) == 0;
  rte_eth_dev_stop(port_id_);
  if (!known || info.device == nullptr || rte_dev_remove(info.device) != 0)
    rte_eth_dev_close(port_id_);
  for (auto* ring : rx_) rte_ring_free(ring);
  for (auto* ring : tx_) rte_ring_free(ring);
}

net::Mac RingPort::mac() const {
  rte_ether_addr address{};
  rte_eth_macaddr_get(port_id_, &address);
  net::Mac mac;
  std::memcpy(mac.bytes.data(), address.addr_bytes, mac.bytes.size());
  return mac;
}

void RingPort::deliver(unsigned queue, const Bytes& frame, std::size_t segment) {
  rte_mbuf* head = nullptr;
  std::size_t at = 0;
  do {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
    if (mbuf == nullptr) throw std::runtime_error("test buffers are exhausted");
    const auto length = std::min(segment, frame.size() - at);
    char* room = rte_pktmbuf_append(mbuf, static_cast<uint16_t>(length));
    if (room == nullptr) throw std::runtime_error("frame too long for a test buffer");
    std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(at), length, room);
    at += length;
    if (head == nullptr) {
      head = mbuf;
    } else {
      rte_pktmbuf_chain(head, mbuf);
    }
  } while (at < frame.size());
  if (rte_ring_enqueue(rx_[queue], head) != 0) throw std::runtime_error("test ring is full");
}

std::vector<Bytes> RingPort::sent() {
  std::vector<Bytes> out;
  for (auto* ring : tx_) {
    void* item;
    while (rte_ring_dequeue(ring, &item) == 0) {
      auto* mbuf = static_cast<rte_mbuf*>(item);
      out.push_back(bytes_of(mbuf));
      rte_pktmbuf_free(mbuf);
    }
  }
  return out;
}

void RingPort::drain() {
  sent();
  for (auto* ring : rx_) {
    void* item;
    while (rte_ring_dequeue(ring, &item) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(item));
  }
}

}  // namespace isthmus::test
