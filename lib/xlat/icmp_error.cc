// SPDX-License-Identifier: BSD-3-Clause
#include "xlat/icmp_error.h"

#include <algorithm>
#include <cstring>

#include "xlat/reply.h"
#include "xlat/wire.h"

namespace isthmus::xlat {

using namespace net;  // NOLINT: this file speaks of little else

namespace {

constexpr uint8_t kHopLimit = 64;
constexpr uint8_t kInternetworkControl = 0xc0;  // RFC 1812 4.3.2.5: precedence 6 for ICMP errors
constexpr uint8_t kIcmp6Redirect = 137;
// RFC 1812 4.3.2.3: "as much of the original datagram as possible without ... exceeding 576 bytes".
constexpr uint32_t kMaxError4 = 576;

bool is_single_host(Ip4 a) {
  return !is_illegal_source(a);
}
bool is_single_host(const Ip6& a) {
  return a.bytes[0] != 0xff && a.raw_high() != 0;
}

// Cuts the quote to `limit` bytes and makes `room` bytes in front of it. Buffers have the headroom;
// if one should not, the quote moves back at the cost of its tail.
void make_room(PacketBuf& buf, uint32_t room, uint32_t limit) {
  if (buf.length > limit) buf.set_length(limit);
  if (buf.headroom < room) {
    const uint32_t shift = room - buf.headroom;
    if (buf.tailroom < shift)
      buf.set_length(buf.length - std::min(buf.length, shift - buf.tailroom));
    std::memmove(buf.data + shift, buf.data, buf.length);
    buf.data += shift;
    buf.headroom = static_cast<uint16_t>(buf.headroom + shift);
    buf.tailroom = static_cast<uint16_t>(buf.tailroom - shift);
  }
  buf.move_start(-static_cast<int32_t>(room));
}

}  // namespace

bool may_answer(const PacketBuf& offending, const PacketView& view) {
  if (view.payload == Payload::kIcmpError) return false;
  if (view.family == 4) {
    const auto* ip = header_at<Ip4Header>(offending.data);
    return view.fragment_offset == 0 && is_single_host(ip->source) &&
           is_single_host(ip->destination);
  }
  if (view.payload == Payload::kIcmpOther && view.icmp_type == kIcmp6Redirect) return false;
  const auto* ip = header_at<Ip6Header>(offending.data);
  return !is_illegal_source(ip->source) && is_single_host(ip->destination);
}

void make_error4(PacketBuf& buf, const ErrorSpec& spec, Ip4 own) {
  const Ip4 to = header_at<Ip4Header>(buf.data)->source;
  constexpr uint32_t kRoom = sizeof(Ip4Header) + sizeof(IcmpHeader);
  make_room(buf, kRoom, kMaxError4 - kRoom);
  auto* icmp = header_at<IcmpHeader>(buf.data + sizeof(Ip4Header));
  icmp->type = spec.type;
  icmp->code = spec.code;
  icmp->checksum = Be16(0);
  icmp->rest = Be32(0);
  if (spec.type == kIcmp4ParamProblem) icmp->error4.pointer = static_cast<uint8_t>(spec.value);
  if (spec.type == kIcmp4Unreachable && spec.code == 4) {
    icmp->error4.mtu4 = Be16(static_cast<uint16_t>(std::min(spec.value, 65535u)));
  }
  icmp->checksum = checksum_of(sum_bytes(icmp, buf.length - sizeof(Ip4Header)));
  // DF, since an Identification has no meaning then and may repeat (RFC 6864 4.1).
  write_ip4(buf.data,
            {.tos = kInternetworkControl,
             .ttl = kHopLimit,
             .protocol = kProtoIcmp4,
             .total_length = static_cast<uint16_t>(buf.length),
             .id = 0,
             .flags_offset = kIp4DontFragment},
            own, to);
}

void make_error6(PacketBuf& buf, const ErrorSpec& spec, const Ip6& own) {
  const Ip6 to = header_at<Ip6Header>(buf.data)->source;
  constexpr uint32_t kRoom = sizeof(Ip6Header) + sizeof(IcmpHeader);
  make_room(buf, kRoom, kIp6MinMtu - kRoom);
  const auto length = static_cast<uint32_t>(buf.length - sizeof(Ip6Header));
  auto* icmp = header_at<IcmpHeader>(buf.data + sizeof(Ip6Header));
  icmp->type = spec.type;
  icmp->code = spec.code;
  icmp->checksum = Be16(0);
  const bool has_value = spec.type == kIcmp6PacketTooBig || spec.type == kIcmp6ParamProblem;
  icmp->rest = Be32(has_value ? spec.value : 0);
  icmp->checksum = checksum_of(sum_bytes(icmp, length, pseudo_sum6(own, to, kProtoIcmp6, length)));
  write_ip6(buf.data,
            {.traffic_class = 0,
             .hop_limit = kHopLimit,
             .next_header = kProtoIcmp6,
             .payload_length = static_cast<uint16_t>(length)},
            own, to);
}

bool RateLimiter::allow(uint32_t now_ms) {
  const uint32_t elapsed = now_ms - last_ms_;  // the clock may wrap
  last_ms_ = now_ms;
  const uint64_t level = level_milli_ + uint64_t{elapsed} * per_second_;
  level_milli_ = static_cast<uint32_t>(std::min<uint64_t>(level, burst_milli_));
  if (level_milli_ < 1000) return false;
  level_milli_ -= 1000;
  return true;
}

Outcome answer4(PacketBuf& buf, const PacketView& view, const ErrorSpec& spec, const Path& path,
                DropReason reason) {
  if (path.own4 == Ip4{} || !may_answer(buf, view)) return drop(reason);
  make_error4(buf, spec, path.own4);
  return {Action::kReply, reason, 0};
}

Outcome answer6(PacketBuf& buf, const PacketView& view, const ErrorSpec& spec, const Path& path,
                DropReason reason) {
  if (path.own6 == Ip6{} || !may_answer(buf, view)) return drop(reason);
  make_error6(buf, spec, path.own6);
  return {Action::kReply, reason, 0};
}

}  // namespace isthmus::xlat
