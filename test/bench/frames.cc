// SPDX-License-Identifier: BSD-3-Clause
#include "bench/frames.h"

#include <cstring>

#include "net/checksum.h"

namespace isthmus::bench {
namespace {

constexpr unsigned kEth = sizeof(net::EthHeader);
constexpr net::Mac kNeighbor{{2, 0, 0, 0, 0, 9}};
const net::Ip6 kFirstHost = *net::parse_ip6("2001:db8:100::1");
const uint32_t kFirstServer = net::parse_ip4(kServer)->host();
const uint32_t kFirstSiit = net::parse_ip4_prefix(kSiitInside)->address.host();

unsigned transport_length(Transport transport) {
  return transport == Transport::kTcp ? sizeof(net::TcpHeader) : sizeof(net::UdpHeader);
}

}  // namespace

Inside Shape::inside(uint32_t flow) const {
  const uint32_t port = flow / remotes;
  Inside out{kFirstHost, net::Be16(static_cast<uint16_t>(1024 + port % ports))};
  const uint32_t host = net::byte_swap(port / ports);
  std::memcpy(out.address.bytes.data() + 4, &host, sizeof host);
  return out;
}

net::Ip4 Shape::remote(uint32_t flow) const {
  return net::Ip4::from_host(kFirstServer + flow % remotes);
}

net::Ip4 siit_host(uint32_t flow) {
  return net::Ip4::from_host(kFirstSiit + (flow & 0x1ffff));
}

net::Prefix6052 prefix_of(const char* text) {
  return *net::Prefix6052::make(*net::parse_ip6_prefix(text));
}

void set_header_checksum(net::Ip4Header* ip) {
  ip->checksum = {};
  ip->checksum = net::checksum_of(net::sum_bytes(ip, sizeof *ip));
}

Template::Template(int family, Transport transport, const net::Mac& gateway, unsigned payload)
    : l4_at_(kEth + (family == 6 ? sizeof(net::Ip6Header) : sizeof(net::Ip4Header))),
      frame_(l4_at_ + transport_length(transport) + payload) {
  const unsigned length = transport_length(transport) + payload;
  const uint8_t protocol = transport == Transport::kTcp ? net::kProtoTcp : net::kProtoUdp;
  *net::header_at<net::EthHeader>(bytes_.data()) = {
      gateway, kNeighbor, net::Be16(family == 6 ? net::kEtherIp6 : net::kEtherIp4)};
  uint8_t* l3 = bytes_.data() + kEth;
  const net::Ip4 server = *net::parse_ip4(kServer);
  if (family == 6) {
    auto* ip = net::header_at<net::Ip6Header>(l3);
    ip->version_class_flow = net::Be32(6u << 28);
    ip->payload_length = net::Be16(static_cast<uint16_t>(length));
    ip->next_header = protocol;
    ip->hop_limit = 64;
    ip->destination = prefix_of(kPrefix).embed(server);
  } else {
    auto* ip = net::header_at<net::Ip4Header>(l3);
    ip->version_ihl = 0x45;
    ip->total_length = net::Be16(static_cast<uint16_t>(length + sizeof *ip));
    ip->flags_offset = net::Be16(net::kIp4DontFragment);
    ip->ttl = 64;
    ip->protocol = protocol;
    ip->source = server;
  }
  const net::Be16 port(kServerPort);
  if (transport == Transport::kTcp) {
    auto* tcp = net::header_at<net::TcpHeader>(bytes_.data() + l4_at_);
    tcp->source_port = tcp->destination_port = port;
    tcp->data_offset = sizeof *tcp / 4 << 4;
    tcp->flags = net::kTcpAck;
    tcp->checksum = net::Be16(0x1234);  // updated by difference, never looked at
  } else {
    auto* udp = net::header_at<net::UdpHeader>(bytes_.data() + l4_at_);
    *udp = {port, port, net::Be16(static_cast<uint16_t>(length)), net::Be16(0x1234)};
  }
}

void Template::add_mss() {
  constexpr uint8_t kOption[4] = {2, 4, 1440 >> 8, 1440 & 0xff};
  auto* tcp = net::header_at<net::TcpHeader>(bytes_.data() + l4_at_);
  tcp->data_offset = (sizeof *tcp + sizeof kOption) / 4 << 4;
  std::memcpy(bytes_.data() + l4_at_ + sizeof *tcp, kOption, sizeof kOption);
}

void Template::copy_to(rte_mbuf* mbuf) const {
  std::memcpy(rte_pktmbuf_mtod(mbuf, void*), bytes_.data(), kHeaders);
  mbuf->data_len = static_cast<uint16_t>(frame_);
  mbuf->pkt_len = frame_;
}

}  // namespace isthmus::bench
