// SPDX-License-Identifier: BSD-3-Clause
#include "bench/loadgen/frame_maker.h"

#include <cstring>

#include "net/checksum.h"

namespace isthmus::loadgen {
namespace {

constexpr unsigned kEth = sizeof(net::EthHeader);
constexpr unsigned kUdp6 = kEth + sizeof(net::Ip6Header);
constexpr unsigned kUdp4 = kEth + sizeof(net::Ip4Header);
constexpr uint16_t kMagic = 0x1547;

net::UdpHeader* udp_at(uint8_t* frame, unsigned at) {
  return net::header_at<net::UdpHeader>(frame + at);
}

// What follows the stamp is zero. RFC 768: a sum of zero is sent as ffff.
net::Be16 udp_checksum(const uint8_t* udp, uint64_t pseudo) {
  const net::Be16 sum =
      net::checksum_of(net::sum_bytes(udp, sizeof(net::UdpHeader) + Stamp::kSize, pseudo));
  return sum.raw() == 0 ? net::Be16::from_raw(0xffff) : sum;
}

std::optional<Stamp> stamp_in(const uint8_t* udp, unsigned rest) {
  if (rest < sizeof(net::UdpHeader) + Stamp::kSize) return std::nullopt;
  const unsigned length = net::header_at<net::UdpHeader>(udp)->length.host();
  if (length > rest || length < sizeof(net::UdpHeader) + Stamp::kSize) return std::nullopt;
  return Stamp::load(udp + sizeof(net::UdpHeader));
}

bool adds_up(const uint8_t* udp, uint64_t pseudo) {
  const unsigned length = net::header_at<net::UdpHeader>(udp)->length.host();
  return net::header_at<net::UdpHeader>(udp)->checksum.raw() != 0 &&
         net::fold(net::sum_bytes(udp, length, pseudo)) == 0xffff;
}

}  // namespace

void Stamp::store(uint8_t* payload) const {
  std::memcpy(payload, &flow, sizeof flow);
  std::memcpy(payload + 4, &sequence, sizeof sequence);
  std::memcpy(payload + 8, &time, sizeof time);
  const auto mark = static_cast<uint16_t>(trial ^ kMagic);
  std::memcpy(payload + 16, &mark, sizeof mark);
}

Stamp Stamp::load(const uint8_t* payload) {
  Stamp out;
  std::memcpy(&out.flow, payload, sizeof out.flow);
  std::memcpy(&out.sequence, payload + 4, sizeof out.sequence);
  std::memcpy(&out.time, payload + 8, sizeof out.time);
  std::memcpy(&out.trial, payload + 16, sizeof out.trial);
  out.trial = static_cast<uint16_t>(out.trial ^ kMagic);
  return out;
}

FrameMaker::FrameMaker(const bench::Shape& shape, const net::Prefix6052& prefix,
                       const std::vector<unsigned>& payloads)
    : shape_(shape), prefix_(prefix) {
  for (const unsigned payload : payloads) {
    six_.emplace_back(6, bench::Transport::kUdp, net::Mac{}, payload);
    four_.emplace_back(4, bench::Transport::kUdp, net::Mac{}, payload);
  }
}

void FrameMaker::set_links(const net::Mac& own6, const net::Mac& gateway6, const net::Mac& own4,
                           const net::Mac& gateway4) {
  for (auto& form : six_) {
    auto* eth = net::header_at<net::EthHeader>(form.bytes());
    eth->source = own6;
    eth->destination = gateway6;
  }
  for (auto& form : four_) {
    auto* eth = net::header_at<net::EthHeader>(form.bytes());
    eth->source = own4;
    eth->destination = gateway4;
  }
}

unsigned FrameMaker::make_6(uint8_t* frame, const Stamp& stamp) const {
  const auto& form = six_[stamp.sequence % six_.size()];
  std::memcpy(frame, form.bytes(), kHeaders);
  const bench::Inside inside = shape_.inside(stamp.flow);
  auto* ip = net::header_at<net::Ip6Header>(frame + kEth);
  auto* udp = udp_at(frame, kUdp6);
  ip->source = inside.address;
  ip->destination = prefix_.embed(shape_.remote(stamp.flow));
  udp->source_port = inside.port;
  stamp.store(frame + kUdp6 + sizeof *udp);
  udp->checksum = {};
  udp->checksum = udp_checksum(frame + kUdp6, net::pseudo_sum6(ip->source, ip->destination,
                                                               net::kProtoUdp, udp->length.host()));
  return form.frame();
}

unsigned FrameMaker::make_4(uint8_t* frame, const bench::Cell& to, const Stamp& stamp) const {
  const auto& form = four_[stamp.sequence % four_.size()];
  std::memcpy(frame, form.bytes(), kHeaders);
  auto* ip = net::header_at<net::Ip4Header>(frame + kEth);
  auto* udp = udp_at(frame, kUdp4);
  ip->source = shape_.remote(stamp.flow);
  ip->destination = to.address;
  bench::set_header_checksum(ip);
  udp->destination_port = to.port;
  stamp.store(frame + kUdp4 + sizeof *udp);
  udp->checksum = {};
  udp->checksum = udp_checksum(frame + kUdp4, net::pseudo_sum4(ip->source, ip->destination,
                                                               net::kProtoUdp, udp->length.host()));
  return form.frame();
}

std::optional<Arrival> FrameMaker::read_6(const uint8_t* frame, unsigned length) const {
  if (length < kUdp6) return std::nullopt;
  const auto* ip = net::header_at<net::Ip6Header>(frame + kEth);
  if (net::header_at<net::EthHeader>(frame)->ether_type.host() != net::kEtherIp6 ||
      ip->next_header != net::kProtoUdp) {
    return std::nullopt;
  }
  const auto stamp = stamp_in(frame + kUdp6, length - kUdp6);
  if (!stamp) return std::nullopt;
  return Arrival{*stamp, {}, {}};
}

std::optional<Arrival> FrameMaker::read_4(const uint8_t* frame, unsigned length) const {
  if (length < kUdp4) return std::nullopt;
  const auto* ip = net::header_at<net::Ip4Header>(frame + kEth);
  if (net::header_at<net::EthHeader>(frame)->ether_type.host() != net::kEtherIp4 ||
      ip->version_ihl != 0x45 || ip->protocol != net::kProtoUdp) {
    return std::nullopt;
  }
  const auto stamp = stamp_in(frame + kUdp4, length - kUdp4);
  if (!stamp) return std::nullopt;
  return Arrival{*stamp, ip->source, net::header_at<net::UdpHeader>(frame + kUdp4)->source_port};
}

bool FrameMaker::is_right_6(const uint8_t* frame, const Stamp& stamp) const {
  const auto* ip = net::header_at<net::Ip6Header>(frame + kEth);
  const auto* udp = net::header_at<net::UdpHeader>(frame + kUdp6);
  const bench::Inside inside = shape_.inside(stamp.flow);
  return ip->destination == inside.address && udp->destination_port == inside.port &&
         ip->source == prefix_.embed(shape_.remote(stamp.flow)) &&
         udp->source_port.host() == bench::kServerPort &&
         adds_up(frame + kUdp6,
                 net::pseudo_sum6(ip->source, ip->destination, net::kProtoUdp, udp->length.host()));
}

bool FrameMaker::is_right_4(const uint8_t* frame, const Stamp& stamp) const {
  const auto* ip = net::header_at<net::Ip4Header>(frame + kEth);
  const auto* udp = net::header_at<net::UdpHeader>(frame + kUdp4);
  return ip->destination == shape_.remote(stamp.flow) &&
         udp->destination_port.host() == bench::kServerPort &&
         net::ip4_header_adds_up(frame + kEth) &&
         ((no_udp_checksum_ && udp->checksum.raw() == 0) ||
          adds_up(frame + kUdp4, net::pseudo_sum4(ip->source, ip->destination, net::kProtoUdp,
                                                  udp->length.host())));
}

}  // namespace isthmus::loadgen
