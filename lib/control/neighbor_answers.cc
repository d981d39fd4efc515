// SPDX-License-Identifier: BSD-3-Clause
#include "control/neighbor_answers.h"

#include <algorithm>
#include <cstring>

#include "net/checksum.h"
#include "net/headers.h"
#include "xlat/wire.h"

namespace isthmus::control {
namespace {

using Frame = std::optional<std::vector<uint8_t>>;

struct Arp {
  net::Be16 hardware, protocol;
  uint8_t hardware_length, protocol_length;
  net::Be16 operation;
  net::Mac sender_mac;
  net::Ip4 sender;
  net::Mac target_mac;
  net::Ip4 target;
};
static_assert(sizeof(Arp) == 28 && alignof(Arp) == 1);
constexpr uint16_t kArpEthernet = 1;
constexpr uint16_t kArpRequest = 1;
constexpr uint16_t kArpReply = 2;

/// A solicitation; or an advertisement with its one option, the target's link address.
struct Solicitation {
  net::IcmpHeader icmp;
  net::Ip6 target;
};
struct Advertisement {
  net::IcmpHeader icmp;
  net::Ip6 target;
  uint8_t option, option_length;
  net::Mac mac;
};
static_assert(sizeof(Solicitation) == 24 && sizeof(Advertisement) == 32);
constexpr uint8_t kTargetLinkAddress = 2;
constexpr uint8_t kOnLinkHopLimit = 255;  // RFC 4861 7.1: nothing that a router forwarded has it
constexpr uint32_t kFromRouter = 1u << 31;
constexpr uint32_t kSolicited = 1u << 30;

constexpr net::Mac kAllNodesMac{{0x33, 0x33, 0, 0, 0, 1}};
constexpr net::Ip6 kAllNodes{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

/// Addresses that are somebody's although a range holds them: the box's own, and routers'.
bool is_taken(const TwinPlan& twin, const IpAddress& address) {
  return std::any_of(twin.addresses.begin(), twin.addresses.end(),
                     [&](const auto& own) { return own.address == address; }) ||
         std::find(twin.gateways.begin(), twin.gateways.end(), address) != twin.gateways.end();
}

template <class Prefix, class Address>
bool any_contains(const std::vector<Prefix>& prefixes, const Address& address) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const Prefix& prefix) { return prefix.contains(address); });
}

template <class T>
void append(std::vector<uint8_t>& frame, const T& part) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&part);
  frame.insert(frame.end(), bytes, bytes + sizeof part);
}

Frame answer_arp(const TwinPlan& twin, const net::Mac& own, std::span<const uint8_t> bytes) {
  if (bytes.size() < sizeof(Arp)) return std::nullopt;
  const auto& arp = *net::header_at<Arp>(bytes.data());
  if (arp.hardware.host() != kArpEthernet || arp.protocol.host() != net::kEtherIp4 ||
      arp.hardware_length != sizeof(net::Mac) || arp.protocol_length != sizeof(net::Ip4) ||
      arp.operation.host() != kArpRequest) {
    return std::nullopt;
  }
  // A host that announces its address (RFC 5227 3) asks nothing. One that probes (RFC 5227 2.1.1,
  // sender 0.0.0.0) is told that the address is taken.
  if (arp.sender == arp.target || !any_contains(twin.answered_for, arp.target) ||
      is_taken(twin, arp.target)) {
    return std::nullopt;
  }
  std::vector<uint8_t> frame;
  append(frame, net::EthHeader{arp.sender_mac, own, net::Be16(net::kEtherArp)});
  append(frame, Arp{arp.hardware, arp.protocol, arp.hardware_length, arp.protocol_length,
                    net::Be16(kArpReply), own, arp.target, arp.sender_mac, arp.sender});
  return frame;
}

// RFC 4861 7.1.1: what makes a solicitation valid.
const Solicitation* valid_solicitation(std::span<const uint8_t> bytes) {
  if (bytes.size() < sizeof(net::Ip6Header) + sizeof(Solicitation)) return nullptr;
  const auto& ip = *net::header_at<net::Ip6Header>(bytes.data());
  const std::size_t length = ip.payload_length.host();
  if (ip.next_header != net::kProtoIcmp6 || ip.hop_limit != kOnLinkHopLimit ||
      length < sizeof(Solicitation) || length > bytes.size() - sizeof ip) {
    return nullptr;
  }
  const auto* message = net::header_at<Solicitation>(bytes.data() + sizeof ip);
  if (message->icmp.type != net::kIcmp6NeighborSolicit || message->icmp.code != 0) return nullptr;
  const uint64_t sum =
      net::pseudo_sum6(ip.source, ip.destination, net::kProtoIcmp6, static_cast<uint32_t>(length));
  return net::fold(net::sum_bytes(message, length, sum)) == 0xffff ? message : nullptr;
}

// The own address on the link that the prefix is part of.
net::Ip6 source_for(const TwinPlan& twin, const net::Ip6& target) {
  for (const auto& own : twin.addresses) {
    if (is_v6(own.address) && contains(subnet_of(own.address, own.length), target)) {
      return std::get<net::Ip6>(own.address);
    }
  }
  return target;
}

Frame answer_solicitation(const TwinPlan& twin, const net::Mac& own, const net::EthHeader& ethernet,
                          std::span<const uint8_t> bytes) {
  const auto* asked = valid_solicitation(bytes);
  if (asked == nullptr || !any_contains(twin.answered_for6, asked->target) ||
      is_taken(twin, asked->target)) {
    return std::nullopt;
  }
  const net::Ip6 asker = net::header_at<net::Ip6Header>(bytes.data())->source;
  // RFC 4861 7.2.4: who has no address yet (RFC 4862 5.4) is told by telling everybody.
  const bool has_address = !(asker == net::Ip6{});
  const net::Ip6& to = has_address ? asker : kAllNodes;
  const net::Ip6 source = source_for(twin, asked->target);
  // No override flag: should a host have the address after all, it wins (RFC 4861 7.2.8).
  Advertisement message{
      {net::kIcmp6NeighborAdvert, 0, net::Be16(0), {}}, asked->target, kTargetLinkAddress, 1, own};
  message.icmp.rest = net::Be32(has_address ? kFromRouter | kSolicited : kFromRouter);
  message.icmp.checksum = net::checksum_of(net::sum_bytes(
      &message, sizeof message, net::pseudo_sum6(source, to, net::kProtoIcmp6, sizeof message)));
  std::vector<uint8_t> frame;
  append(frame, net::EthHeader{has_address ? ethernet.source : kAllNodesMac, own,
                               net::Be16(net::kEtherIp6)});
  frame.resize(frame.size() + sizeof(net::Ip6Header));
  xlat::write_ip6(frame.data() + sizeof(net::EthHeader),
                  {.traffic_class = 0,
                   .hop_limit = kOnLinkHopLimit,
                   .next_header = net::kProtoIcmp6,
                   .payload_length = sizeof message},
                  source, to);
  append(frame, message);
  return frame;
}

}  // namespace

Frame answer_for_neighbor(const TwinPlan& twin, const net::Mac& own,
                          std::span<const uint8_t> frame) {
  if (frame.size() < sizeof(net::EthHeader)) return std::nullopt;
  const auto& ethernet = *net::header_at<net::EthHeader>(frame.data());
  const auto bytes = frame.subspan(sizeof ethernet);
  switch (ethernet.ether_type.host()) {
    case net::kEtherArp: return answer_arp(twin, own, bytes);
    case net::kEtherIp6: return answer_solicitation(twin, own, ethernet, bytes);
    default: return std::nullopt;
  }
}

}  // namespace isthmus::control
