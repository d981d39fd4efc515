// SPDX-License-Identifier: BSD-3-Clause
#include "bench/loadgen/neighbor.h"

#include <algorithm>

#include "net/checksum.h"
#include "net/headers.h"

namespace isthmus::loadgen {
namespace {

struct ArpPacket {
  net::Be16 hardware, protocol;
  uint8_t hardware_length, protocol_length;
  net::Be16 operation;
  net::Mac sender_mac;
  net::Ip4 sender;
  net::Mac target_mac;
  net::Ip4 target;
};
struct ArpFrame {
  net::EthHeader eth;
  ArpPacket arp;
};
/// A solicitation or advertisement with its one option, a link address.
struct NeighborFrame {
  net::EthHeader eth;
  net::Ip6Header ip;
  net::IcmpHeader icmp;
  net::Ip6 target;
  uint8_t option, option_length;
  net::Mac mac;
};
static_assert(sizeof(ArpFrame) == 42 && sizeof(NeighborFrame) == 86);

constexpr uint16_t kRequest = 1;
constexpr uint16_t kReply = 2;
constexpr uint8_t kSourceLinkAddress = 1;
constexpr uint8_t kTargetLinkAddress = 2;
constexpr uint32_t kSolicitedOverride = 3u << 29;
constexpr unsigned kWithoutOption = sizeof(NeighborFrame) - 8;

template <class T>
std::vector<uint8_t> bytes_of(const T& frame) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&frame);
  return {bytes, bytes + sizeof frame};
}

ArpFrame arp_frame(uint16_t operation, const net::Mac& to, const net::Mac& from, net::Ip4 sender,
                   net::Ip4 target) {
  return {{to, from, net::Be16(net::kEtherArp)},
          {net::Be16(1), net::Be16(net::kEtherIp4), 6, 4, net::Be16(operation), from, sender,
           operation == kReply ? to : net::Mac{}, target}};
}

NeighborFrame neighbor_frame(uint8_t type, const net::Mac& to, const net::Mac& from,
                             const net::Ip6& source, const net::Ip6& destination,
                             const net::Ip6& target) {
  NeighborFrame out{};
  out.eth = {to, from, net::Be16(net::kEtherIp6)};
  constexpr uint16_t kLength = sizeof out - sizeof out.eth - sizeof out.ip;
  out.ip = {net::Be32(6u << 28), net::Be16(kLength), net::kProtoIcmp6, 255, source, destination};
  out.icmp.type = type;
  const bool asks = type == net::kIcmp6NeighborSolicit;
  out.icmp.rest = net::Be32(asks ? 0 : kSolicitedOverride);
  out.target = target;
  out.option = asks ? kSourceLinkAddress : kTargetLinkAddress;
  out.option_length = 1;
  out.mac = from;
  out.icmp.checksum = net::checksum_of(net::sum_bytes(
      &out.icmp, kLength, net::pseudo_sum6(source, destination, net::kProtoIcmp6, kLength)));
  return out;
}

const ArpFrame* arp_in(std::span<const uint8_t> frame, uint16_t operation) {
  if (frame.size() < sizeof(ArpFrame)) return nullptr;
  const auto* out = net::header_at<ArpFrame>(frame.data());
  const bool is = out->eth.ether_type.host() == net::kEtherArp &&
                  out->arp.protocol.host() == net::kEtherIp4 &&
                  out->arp.operation.host() == operation;
  return is ? out : nullptr;
}

const NeighborFrame* neighbor_in(std::span<const uint8_t> frame, uint8_t type) {
  if (frame.size() < kWithoutOption) return nullptr;
  const auto* out = net::header_at<NeighborFrame>(frame.data());
  const bool is = out->eth.ether_type.host() == net::kEtherIp6 &&
                  out->ip.next_header == net::kProtoIcmp6 && out->icmp.type == type;
  return is ? out : nullptr;
}

}  // namespace

std::vector<uint8_t> ask_for_gateway(const Link& link) {
  if (const auto* gateway = std::get_if<net::Ip4>(&link.gateway)) {
    constexpr net::Mac kBroadcast{{255, 255, 255, 255, 255, 255}};
    return bytes_of(
        arp_frame(kRequest, kBroadcast, link.own_mac, std::get<net::Ip4>(link.own), *gateway));
  }
  // To the solicited-node group of the gateway (RFC 4291 2.7.1, RFC 2464 7).
  const auto& gateway = std::get<net::Ip6>(link.gateway);
  net::Ip6 group{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff}};
  std::copy(gateway.bytes.begin() + 13, gateway.bytes.end(), group.bytes.begin() + 13);
  net::Mac mac{{0x33, 0x33}};
  std::copy(group.bytes.begin() + 12, group.bytes.end(), mac.bytes.begin() + 2);
  return bytes_of(neighbor_frame(net::kIcmp6NeighborSolicit, mac, link.own_mac,
                                 std::get<net::Ip6>(link.own), group, gateway));
}

std::optional<std::vector<uint8_t>> answer(const Link& link, std::span<const uint8_t> frame) {
  if (const auto* own = std::get_if<net::Ip4>(&link.own)) {
    const ArpFrame* asked = arp_in(frame, kRequest);
    if (asked == nullptr || !(asked->arp.target == *own)) return std::nullopt;
    return bytes_of(
        arp_frame(kReply, asked->arp.sender_mac, link.own_mac, *own, asked->arp.sender));
  }
  const auto& own = std::get<net::Ip6>(link.own);
  const NeighborFrame* asked = neighbor_in(frame, net::kIcmp6NeighborSolicit);
  // Nobody else is on a tester's link: who looks for duplicates (source ::) needs no answer.
  if (asked == nullptr || !(asked->target == own) || asked->ip.source == net::Ip6{}) {
    return std::nullopt;
  }
  return bytes_of(neighbor_frame(net::kIcmp6NeighborAdvert, asked->eth.source, link.own_mac, own,
                                 asked->ip.source, own));
}

std::optional<net::Mac> gateway_in(const Link& link, std::span<const uint8_t> frame) {
  if (const auto* gateway = std::get_if<net::Ip4>(&link.gateway)) {
    const ArpFrame* told = arp_in(frame, kReply);
    if (told == nullptr || !(told->arp.sender == *gateway)) return std::nullopt;
    return told->arp.sender_mac;
  }
  const NeighborFrame* told = neighbor_in(frame, net::kIcmp6NeighborAdvert);
  if (told == nullptr || !(told->target == std::get<net::Ip6>(link.gateway))) return std::nullopt;
  return told->eth.source;
}

}  // namespace isthmus::loadgen
