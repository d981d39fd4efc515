// SPDX-License-Identifier: BSD-3-Clause
// hot path
// The writing half of translation: new network headers, and transport headers patched with their
// checksums kept true (or false by as much as they were).
#pragma once

#include <cstdint>
#include <cstring>

#include "net/checksum.h"
#include "net/headers.h"
#include "xlat/icmp_map.h"
#include "xlat/rewrite.h"

namespace isthmus::xlat {

struct Ip4Fields {
  uint8_t tos;
  uint8_t ttl;
  uint8_t protocol;
  uint16_t total_length;
  uint16_t id;
  uint16_t flags_offset;
};

/// Writes an IPv4 header without options. Whole words, so that header and checksum are made in
/// registers.
inline void write_ip4(uint8_t* at, const Ip4Fields& f, net::Ip4 source, net::Ip4 destination) {
  const uint32_t w0 = net::byte_swap(0x4500u << 16 | uint32_t{f.tos} << 16 | f.total_length);
  const uint32_t w1 = net::byte_swap(uint32_t{f.id} << 16 | f.flags_offset);
  uint32_t w2 = net::byte_swap(uint32_t{f.ttl} << 24 | uint32_t{f.protocol} << 16);
  const uint32_t w3 = source.value.raw();
  const uint32_t w4 = destination.value.raw();
  const uint64_t sum = uint64_t{w0} + w1 + w2 + w3 + w4;
  w2 |= uint32_t{net::checksum_of(sum).raw()} << 16;
  std::memcpy(at, &w0, 4);
  std::memcpy(at + 4, &w1, 4);
  std::memcpy(at + 8, &w2, 4);
  std::memcpy(at + 12, &w3, 4);
  std::memcpy(at + 16, &w4, 4);
}

struct Ip6Fields {
  uint8_t traffic_class;
  uint8_t hop_limit;
  uint8_t next_header;
  uint16_t payload_length;
};

/// Writes an IPv6 header; the flow label is zero (RFC 7915 4.1).
inline void write_ip6(uint8_t* at, const Ip6Fields& f, const net::Ip6& source,
                      const net::Ip6& destination) {
  const uint32_t w0 = net::byte_swap(6u << 28 | uint32_t{f.traffic_class} << 20);
  const uint32_t w1 =
      net::byte_swap(uint32_t{f.payload_length} << 16 | uint32_t{f.next_header} << 8 | f.hop_limit);
  std::memcpy(at, &w0, 4);
  std::memcpy(at + 4, &w1, 4);
  std::memcpy(at + 8, &source, 16);
  std::memcpy(at + 24, &destination, 16);
}

inline void write_fragment_header(uint8_t* at, uint8_t next_header, uint16_t offset, bool more,
                                  uint32_t id) {
  const net::Ip6FragmentHeader header{
      next_header, 0, net::Be16(static_cast<uint16_t>(offset | (more ? 1 : 0))), net::Be32(id)};
  std::memcpy(at, &header, sizeof header);
}

/// The ports of a Rewrite4 or Rewrite6.
struct NewPorts {
  net::Be16 source{};
  net::Be16 destination{};
  bool set = false;
};

template <class Rewrite>
NewPorts ports_of(const Rewrite& to) {
  return {to.source_port, to.destination_port, to.ports};
}

/// Sum of both ports, or of both new ones.
inline uint64_t port_sum(const uint8_t* l4) {
  return net::sum_bytes(l4, 4);
}
inline uint64_t port_sum(const uint8_t* l4, const NewPorts& ports) {
  return ports.set ? net::sum_of(ports.source) + net::sum_of(ports.destination) : port_sum(l4);
}

/// What new addresses and ports do to the checksum of the TCP or UDP packet in `buf`, whose IP
/// header is a `Header`.
template <class Header, class Rewrite>
net::ChecksumDelta transport_delta(const net::PacketBuf& buf, const net::PacketView& view,
                                   const Rewrite& to) {
  const auto* ip = net::header_at<Header>(buf.data);
  const uint8_t* l4 = buf.data + view.l4_offset;
  return net::ChecksumDelta::between(
      net::sum_of(ip->source) + net::sum_of(ip->destination) + port_sum(l4),
      net::sum_of(to.source) + net::sum_of(to.destination) + port_sum(l4, ports_of(to)));
}

inline void write_ports(uint8_t* l4, const NewPorts& ports) {
  if (!ports.set) return;
  std::memcpy(l4, &ports.source, 2);
  std::memcpy(l4 + 2, &ports.destination, 2);
}

inline void patch_tcp(uint8_t* l4, const NewPorts& ports, net::ChecksumDelta delta) {
  auto* tcp = net::header_at<net::TcpHeader>(l4);
  tcp->checksum = delta.apply(tcp->checksum);
  write_ports(l4, ports);
}

/// A UDP checksum of zero means that there is none, and stays.
inline void patch_udp(uint8_t* l4, const NewPorts& ports, net::ChecksumDelta delta) {
  auto* udp = net::header_at<net::UdpHeader>(l4);
  if (udp->checksum.raw() != 0) udp->checksum = delta.apply_udp(udp->checksum);
  write_ports(l4, ports);
}

/// Echo: new type, code 0, identifier. `pseudo_old` and `pseudo_new` are the sums of the
/// pseudo-headers (0 in IPv4, which has none for ICMP).
inline void patch_query(uint8_t* l4, uint8_t type, const NewPorts& ports, uint64_t pseudo_old,
                        uint64_t pseudo_new) {
  auto* icmp = net::header_at<net::IcmpHeader>(l4);
  const uint64_t old_sum = pseudo_old + net::sum_bytes(l4, 2) + net::sum_bytes(l4 + 4, 2);
  icmp->type = type;
  icmp->code = 0;
  if (ports.set) icmp->echo.identifier = ports.source;
  const uint64_t new_sum = pseudo_new + net::sum_bytes(l4, 2) + net::sum_bytes(l4 + 4, 2);
  icmp->checksum = net::ChecksumDelta::between(old_sum, new_sum).apply(icmp->checksum);
}

/// A SYN whose MSS may have to be lowered (xlat/mss.h).
inline bool is_special(const net::PacketView& view, const Policy& policy) {
  return (view.tcp_flags & policy.special_tcp_flags()) != 0;
}

/// RFC 7915 5: DF is clear up to 1260 bytes, so that IPv4 routers may fragment what IPv6 could not.
inline uint16_t df_for(uint32_t total_length) {
  return total_length <= net::kIp6MinMtu - 20u ? 0 : net::kIp4DontFragment;
}

}  // namespace isthmus::xlat
