// SPDX-License-Identifier: BSD-3-Clause
// Packets of flows that are set up, but not plain: fragments, ICMP errors.
#include <cstring>

#include "bench/gateway.h"
#include "net/checksum.h"

namespace isthmus::bench {
namespace {

constexpr unsigned kEth = sizeof(net::EthHeader);
constexpr unsigned kHalfBurst = 32;
// A datagram in two: the first fragment's part of it, with the UDP header, and the second's.
constexpr uint16_t kFirstPart = 32;
constexpr uint16_t kSecondPart = 24;
constexpr const char* kRouter = "198.51.100.77";

void set_length(rte_mbuf* mbuf, unsigned length) {
  mbuf->data_len = static_cast<uint16_t>(length);
  mbuf->pkt_len = length;
}

template <class Header>
Header* after_eth(rte_mbuf* mbuf, unsigned offset) {
  return net::header_at<Header>(rte_pktmbuf_mtod_offset(mbuf, uint8_t*, kEth + offset));
}

void write_udp(net::UdpHeader* udp, net::Be16 source, net::Be16 destination, uint16_t length) {
  *udp = {source, destination, net::Be16(length), net::Be16(0x1234)};
}

}  // namespace

void Gateway::generate_fragments() {
  silence();
  six_->generate(
      [this](rte_mbuf** mbufs, unsigned count) {
        for (unsigned i = 0; i < count; ++i) write_fragment6(mbufs[i], i % 2 == 0);
      },
      kHalfBurst);
  four_->generate(
      [this](rte_mbuf** mbufs, unsigned count) {
        for (unsigned i = 0; i < count; ++i) write_fragment4(mbufs[i], i % 2 == 0);
      },
      kHalfBurst);
}

void Gateway::write_fragment6(rte_mbuf* mbuf, bool first) {
  if (first) flow6_ = next_flow();
  if (first) ++datagrams_;
  write_flow6(mbuf, flow6_.number);
  auto* ip = Template::ip6(mbuf);
  const net::UdpHeader udp = *after_eth<net::UdpHeader>(mbuf, sizeof *ip);
  const uint16_t part = first ? kFirstPart : kSecondPart;
  ip->next_header = net::kProtoFragment;
  ip->payload_length = net::Be16(static_cast<uint16_t>(sizeof(net::Ip6FragmentHeader) + part));
  auto* fragment = after_eth<net::Ip6FragmentHeader>(mbuf, sizeof *ip);
  const uint16_t place = first ? 1 : kFirstPart;  // the offset in octets has the place of 8 * units
  *fragment = {net::kProtoUdp, 0, net::Be16(place), net::Be32(datagrams_)};
  if (first) {
    write_udp(after_eth<net::UdpHeader>(mbuf, sizeof *ip + sizeof *fragment), udp.source_port,
              udp.destination_port, kFirstPart + kSecondPart);
  }
  set_length(mbuf, kEth + sizeof *ip + sizeof *fragment + part);
}

void Gateway::write_fragment4(rte_mbuf* mbuf, bool first) {
  if (first) flow4_ = next_flow();
  if (first) ++datagrams_;
  udp4_[0].copy_to(mbuf);
  auto* ip = Template::ip4(mbuf);
  const uint16_t part = first ? kFirstPart : kSecondPart;
  ip->source = shape().remote(flow4_.number);
  ip->destination = flow4_.cell.address;
  ip->total_length = net::Be16(static_cast<uint16_t>(sizeof *ip + part));
  ip->identification = net::Be16(static_cast<uint16_t>(datagrams_));
  ip->flags_offset =
      net::Be16(first ? uint16_t{net::kIp4MoreFragments} : static_cast<uint16_t>(kFirstPart / 8));
  set_header_checksum(ip);
  if (first) {
    write_udp(after_eth<net::UdpHeader>(mbuf, sizeof *ip), net::Be16(kServerPort), flow4_.cell.port,
              kFirstPart + kSecondPart);
  }
  set_length(mbuf, kEth + sizeof *ip + part);
}

void Gateway::generate_errors() {
  silence();
  six_->generate(
      [this](rte_mbuf** mbufs, unsigned count) {
        for (unsigned i = 0; i < count; ++i) write_error6(mbufs[i]);
      },
      kHalfBurst);
  four_->generate(
      [this](rte_mbuf** mbufs, unsigned count) {
        for (unsigned i = 0; i < count; ++i) write_error4(mbufs[i]);
      },
      kHalfBurst);
}

// From the inside host, port unreachable, about what the server sent.
void Gateway::write_error6(rte_mbuf* mbuf) {
  const uint32_t flow = next_flow().number;
  write_flow6(mbuf, flow);
  auto* ip = Template::ip6(mbuf);
  constexpr unsigned kIp = sizeof *ip, kIcmp = sizeof(net::IcmpHeader);
  constexpr uint16_t kLength = kIcmp + kIp + sizeof(net::UdpHeader);
  auto* quote = after_eth<net::Ip6Header>(mbuf, kIp + kIcmp);
  *quote = *ip;
  std::swap(quote->source, quote->destination);
  write_udp(after_eth<net::UdpHeader>(mbuf, kIp + kIcmp + kIp), net::Be16(kServerPort),
            shape().inside(flow).port, quote->payload_length.host());
  ip->next_header = net::kProtoIcmp6;
  ip->payload_length = net::Be16(kLength);
  auto* icmp = after_eth<net::IcmpHeader>(mbuf, kIp);
  std::memset(static_cast<void*>(icmp), 0, kIcmp);
  icmp->type = net::kIcmp6Unreachable;
  icmp->code = 4;
  icmp->checksum = net::checksum_of(net::sum_bytes(
      icmp, kLength, net::pseudo_sum6(ip->source, ip->destination, net::kProtoIcmp6, kLength)));
  set_length(mbuf, kEth + kIp + kLength);
}

// From a router on the way, host unreachable, about what the pool address sent.
void Gateway::write_error4(rte_mbuf* mbuf) {
  static const net::Ip4 router = *net::parse_ip4(kRouter);
  const Flow& flow = next_flow();
  udp4_[0].copy_to(mbuf);
  auto* ip = Template::ip4(mbuf);
  constexpr unsigned kIp = sizeof *ip, kIcmp = sizeof(net::IcmpHeader);
  constexpr uint16_t kLength = kIcmp + kIp + sizeof(net::UdpHeader);
  auto* quote = after_eth<net::Ip4Header>(mbuf, kIp + kIcmp);
  *quote = *ip;
  quote->source = flow.cell.address;
  quote->destination = shape().remote(flow.number);
  set_header_checksum(quote);
  write_udp(after_eth<net::UdpHeader>(mbuf, kIp + kIcmp + kIp), flow.cell.port,
            net::Be16(kServerPort), static_cast<uint16_t>(quote->total_length.host() - kIp));
  ip->source = router;
  ip->destination = flow.cell.address;
  ip->protocol = net::kProtoIcmp4;
  ip->total_length = net::Be16(static_cast<uint16_t>(kIp + kLength));
  set_header_checksum(ip);
  auto* icmp = after_eth<net::IcmpHeader>(mbuf, kIp);
  std::memset(static_cast<void*>(icmp), 0, kIcmp);
  icmp->type = net::kIcmp4Unreachable;
  icmp->code = 1;
  icmp->checksum = net::checksum_of(net::sum_bytes(icmp, kLength));
  set_length(mbuf, kEth + kIp + kLength);
}

}  // namespace isthmus::bench
