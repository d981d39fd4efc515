// SPDX-License-Identifier: BSD-3-Clause
#include "bench/talks.h"

#include <rte_cycles.h>

#include <algorithm>

namespace isthmus::bench {
namespace {

constexpr unsigned kBurst = 64;
constexpr uint32_t kWindow = 2048;  // packets
constexpr unsigned kData = 18;      // octets of payload

Template syn(int family, const net::Mac& gateway) {
  Template out(family, Transport::kTcp, gateway, 4);
  out.add_mss();
  return out;
}

}  // namespace

Talks::Talks(Gateway& gateway, uint32_t wave)
    : gateway_(gateway),
      size_(wave),
      cells_(wave),
      syn6_(syn(6, gateway.mac(0))),
      syn4_(syn(4, gateway.mac(1))),
      ack6_(6, Transport::kTcp, gateway.mac(0), 0),
      data6_(6, Transport::kTcp, gateway.mac(0), kData),
      data4_(4, Transport::kTcp, gateway.mac(1), kData) {}

void Talks::wave() {
  constexpr uint8_t kSyn = net::kTcpSyn, kAck = net::kTcpAck, kFin = net::kTcpFin;
  gateway_.silence();
  gateway_.four().observe([this](rte_mbuf** mbufs, unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      const auto* tcp = syn4_.tcp(mbufs[i]);
      cells_[tcp->sequence.host()] = {Template::ip4(mbufs[i])->source, tcp->source_port};
    }
  });
  step(0, true, syn6_, kSyn);
  gateway_.four().observe({});
  step(1, false, syn4_, kSyn | kAck);
  step(2, true, ack6_, kAck);
  step(3, true, data6_, kAck);
  step(4, false, data4_, kAck);
  step(5, true, ack6_, kFin | kAck);
  step(6, false, data4_, kFin | kAck);
  step(7, true, ack6_, kAck);
  next_ += size_;
}

double Talks::cycles() {
  double sum = 0;
  for (auto& windows : windows_) {
    const auto middle = windows.begin() + static_cast<std::ptrdiff_t>(windows.size() / 2);
    std::nth_element(windows.begin(), middle, windows.end());
    sum += *middle;
    windows.clear();
  }
  return sum;
}

void Talks::step(unsigned number, bool from_inside, const Template& frame, uint8_t flags) {
  uint32_t at = 0;
  const auto write6 = [&](rte_mbuf* mbuf) {
    const Inside inside = gateway_.shape().inside(next_ + at);
    Template::ip6(mbuf)->source = inside.address;
    frame.l4(mbuf)->source_port = inside.port;
  };
  const auto write4 = [&](rte_mbuf* mbuf) {
    auto* ip = Template::ip4(mbuf);
    ip->destination = cells_[at].address;
    set_header_checksum(ip);
    frame.l4(mbuf)->destination_port = cells_[at].port;
  };
  Port& port = from_inside ? gateway_.six() : gateway_.four();
  port.generate(
      [&](rte_mbuf** mbufs, unsigned count) {
        for (unsigned i = 0; i < count; ++i, ++at) {
          frame.copy_to(mbufs[i]);
          auto* tcp = frame.tcp(mbufs[i]);
          tcp->flags = flags;
          tcp->sequence = net::Be32(at);
          from_inside ? write6(mbufs[i]) : write4(mbufs[i]);
        }
      },
      kBurst, size_);
  while (at < size_) {
    const uint32_t first = at, end = std::min(size_, at + kWindow);
    const uint64_t own = gateway_.own_cycles(), start = rte_rdtsc();
    while (at < end) gateway_.turn();
    const uint64_t cycles = rte_rdtsc() - start - (gateway_.own_cycles() - own);
    windows_[number].push_back(static_cast<double>(cycles) / (at - first));
  }
  port.generate({});
}

}  // namespace isthmus::bench
