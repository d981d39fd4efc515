// SPDX-License-Identifier: BSD-3-Clause
#include "control/punt_dns.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "control/neighbor_queue.h"
#include "net/checksum.h"
#include "net/headers.h"
#include "net/parse.h"
#include "xlat/split.h"
#include "xlat/wire.h"

namespace isthmus::control {
namespace {

constexpr uint16_t kDnsPort = 53;
constexpr uint8_t kHopLimit = 64;

// Multicast, broadcast and loopback ask nothing; an answer to them would only reflect traffic
// (RFC 1122 3.2.1.3, RFC 4291 2.7: such addresses must not be used as a source).
bool may_ask(const IpAddress& address) {
  if (const auto* v4 = std::get_if<net::Ip4>(&address)) {
    const uint32_t top = v4->host() >> 24;
    return top != 0 && top != 127 && top < 224;
  }
  const auto& v6 = std::get<net::Ip6>(address);
  const net::Ip6 loopback{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
  return v6.bytes[0] != 0xff && !(v6 == net::Ip6{}) && !(v6 == loopback);
}

bool read_addresses(const net::PacketBuf& packet, uint8_t family, DnsPath& path) {
  if (family == 4) {
    const auto* ip = net::header_at<net::Ip4Header>(packet.data);
    path.client = ip->source;
    path.service = ip->destination;
  } else {
    const auto* ip = net::header_at<net::Ip6Header>(packet.data);
    path.client = ip->source;
    path.service = ip->destination;
  }
  return may_ask(path.client);
}

uint64_t pseudo_sum(const IpAddress& source, const IpAddress& destination, uint32_t length) {
  if (const auto* v4 = std::get_if<net::Ip4>(&source)) {
    return net::pseudo_sum4(*v4, std::get<net::Ip4>(destination), net::kProtoUdp, length);
  }
  return net::pseudo_sum6(std::get<net::Ip6>(source), std::get<net::Ip6>(destination),
                          net::kProtoUdp, length);
}

bool checksum_is_right(const DnsPath& path, const net::UdpHeader& udp) {
  // RFC 768: zero means that the sender computed none. RFC 8200 8.1: not allowed in IPv6.
  if (udp.checksum.raw() == 0) return !is_v6(path.client);
  const uint16_t length = udp.length.host();
  const uint64_t sum = pseudo_sum(path.client, path.service, length);
  return net::fold(net::sum_bytes(&udp, length, sum)) == 0xffff;
}

void put_ip4_header(uint8_t* at, const DnsPath& path, uint32_t udp_length, uint32_t id) {
  xlat::write_ip4(at,
                  {.tos = 0,
                   .ttl = kHopLimit,
                   .protocol = net::kProtoUdp,
                   .total_length = static_cast<uint16_t>(sizeof(net::Ip4Header) + udp_length),
                   .id = static_cast<uint16_t>(id),
                   .flags_offset = 0},
                  std::get<net::Ip4>(path.service), std::get<net::Ip4>(path.client));
}

void put_ip6_header(uint8_t* at, const DnsPath& path, uint32_t udp_length,
                    std::optional<uint32_t> fragment_id) {
  const uint32_t extension = fragment_id ? sizeof(net::Ip6FragmentHeader) : 0;
  xlat::write_ip6(
      at,
      {.traffic_class = 0,
       .hop_limit = kHopLimit,
       .next_header = fragment_id ? uint8_t{net::kProtoFragment} : uint8_t{net::kProtoUdp},
       .payload_length = static_cast<uint16_t>(udp_length + extension)},
      std::get<net::Ip6>(path.service), std::get<net::Ip6>(path.client));
  if (fragment_id) {
    xlat::write_fragment_header(at + sizeof(net::Ip6Header), net::kProtoUdp, 0, false,
                                *fragment_id);
  }
}

void put_udp(uint8_t* at, const DnsPath& path, std::span<const uint8_t> message) {
  const auto length = static_cast<uint16_t>(sizeof(net::UdpHeader) + message.size());
  net::UdpHeader udp{};
  udp.source_port = net::Be16(kDnsPort);
  udp.destination_port = net::Be16(path.client_port);
  udp.length = net::Be16(length);
  if (!message.empty()) std::memcpy(at + sizeof udp, message.data(), message.size());
  uint64_t sum = pseudo_sum(path.service, path.client, length);
  sum = net::sum_bytes(&udp, sizeof udp, sum);
  udp.checksum = net::checksum_of(net::sum_bytes(message.data(), message.size(), sum));
  // RFC 768: a computed zero is sent as all ones.
  if (udp.checksum.raw() == 0) udp.checksum = net::Be16::from_raw(0xffff);
  std::memcpy(at, &udp, sizeof udp);
}

// RFC 8200 5: a node that does not discover path MTUs sends nothing larger than 1280 bytes. IPv4
// routers split on the way if they have to.
uint16_t largest_packet(bool v6, uint16_t mtu) {
  return v6 ? std::min(mtu, net::kIp6MinMtu) : mtu;
}

std::vector<std::vector<uint8_t>> split(const DnsPath& path, std::vector<uint8_t>& packet,
                                        uint16_t mtu) {
  net::PacketBuf whole;
  whole.data = packet.data();
  whole.length = static_cast<uint32_t>(packet.size());
  std::vector<std::vector<uint8_t>> frames;
  xlat::Splitter splitter(whole, mtu);
  while (const uint32_t length = splitter.next_length()) {
    std::vector<uint8_t> fragment(length);
    splitter.write_next(fragment.data());
    frames.push_back(make_frame(path.client_mac, path.own_mac, fragment));
  }
  return frames;
}

}  // namespace

std::string_view text_of(DnsRefusal refusal) {
  switch (refusal) {
    case DnsRefusal::kMalformed: return "no whole UDP datagram";
    case DnsRefusal::kChecksum: return "wrong UDP checksum";
    case DnsRefusal::kSource: return "source that cannot be answered";
  }
  return "";
}

std::variant<DnsQuery, DnsRefusal> parse_dns_query(std::span<const uint8_t> frame) {
  if (frame.size() < sizeof(net::EthHeader)) return DnsRefusal::kMalformed;
  const auto* ethernet = net::header_at<net::EthHeader>(frame.data());
  net::PacketBuf packet;
  // Parsing reads only; the type is that of packets which are rewritten later.
  packet.data = const_cast<uint8_t*>(frame.data()) + sizeof *ethernet;
  packet.length = static_cast<uint32_t>(frame.size() - sizeof *ethernet);
  net::PacketView view;
  if (net::parse_ip(packet, view) != net::DropReason::kNone || view.payload != net::Payload::kUdp ||
      view.is_fragment() || view.destination_port.host() != kDnsPort) {
    return DnsRefusal::kMalformed;
  }
  DnsQuery query;
  query.path.client_mac = ethernet->source;
  query.path.own_mac = ethernet->destination;
  query.path.client_port = view.source_port.host();
  // A unicast packet in a group frame is never answered (RFC 1122 3.3.6); our MAC would be no
  // sender's. RFC 768: port 0 says that no reply is expected.
  if ((ethernet->destination.bytes[0] & 1) != 0) return DnsRefusal::kSource;
  if (!read_addresses(packet, view.family, query.path) || query.path.client_port == 0) {
    return DnsRefusal::kSource;
  }
  const auto* udp = net::header_at<net::UdpHeader>(packet.data + view.l4_offset);
  if (!checksum_is_right(query.path, *udp)) return DnsRefusal::kChecksum;
  query.message = {packet.data + view.l4_offset + sizeof *udp, udp->length.host() - sizeof *udp};
  return query;
}

std::span<const uint8_t> make_dns_frame(const DnsPath& path, std::span<const uint8_t> message,
                                        uint16_t mtu, uint32_t identification,
                                        std::vector<uint8_t>& buffer) {
  const bool v6 = is_v6(path.client);
  const std::size_t ip_header = v6 ? sizeof(net::Ip6Header) : sizeof(net::Ip4Header);
  const std::size_t length = ip_header + sizeof(net::UdpHeader) + message.size();
  if (length > largest_packet(v6, mtu)) return {};
  buffer.resize(sizeof(net::EthHeader) + length);
  const net::EthHeader ethernet{path.client_mac, path.own_mac,
                                net::Be16(v6 ? net::kEtherIp6 : net::kEtherIp4)};
  std::memcpy(buffer.data(), &ethernet, sizeof ethernet);
  uint8_t* const packet = buffer.data() + sizeof ethernet;
  const auto udp_length = static_cast<uint32_t>(length - ip_header);
  if (v6) {
    put_ip6_header(packet, path, udp_length, std::nullopt);
  } else {
    put_ip4_header(packet, path, udp_length, identification);
  }
  put_udp(packet + ip_header, path, message);
  return buffer;
}

std::vector<std::vector<uint8_t>> make_dns_answer(const DnsPath& path,
                                                  std::span<const uint8_t> message, uint16_t mtu,
                                                  uint32_t identification) {
  constexpr std::size_t kLargest = 65535 - sizeof(net::Ip4Header) - sizeof(net::UdpHeader);
  if (message.size() > kLargest) return {};
  std::vector<uint8_t> frame;
  if (!make_dns_frame(path, message, mtu, identification, frame).empty()) return {frame};
  const bool v6 = is_v6(path.client);
  const auto udp_length = static_cast<uint32_t>(sizeof(net::UdpHeader) + message.size());
  const std::size_t ip_length =
      v6 ? sizeof(net::Ip6Header) + sizeof(net::Ip6FragmentHeader) : sizeof(net::Ip4Header);
  std::vector<uint8_t> packet(ip_length + udp_length);
  if (v6) {
    put_ip6_header(packet.data(), path, udp_length, identification);
  } else {
    put_ip4_header(packet.data(), path, udp_length, identification);
  }
  put_udp(packet.data() + ip_length, path, message);
  return split(path, packet, largest_packet(v6, mtu));
}

}  // namespace isthmus::control
