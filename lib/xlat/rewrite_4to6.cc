// SPDX-License-Identifier: BSD-3-Clause
// hot path
// RFC 7915 4: IPv4 -> IPv6.
#include <algorithm>

#include "xlat/header_sizes.h"
#include "xlat/mss.h"
#include "xlat/plain.h"
#include "xlat/reply.h"
#include "xlat/rewrite.h"
#include "xlat/udp_zero.h"
#include "xlat/wire.h"

namespace isthmus::xlat {
namespace {

using namespace net;  // NOLINT: this file speaks of little else

constexpr uint32_t kGrowth = kHeader6 - kHeader4;

// Protocols that are not translated: IGMP is single-hop (RFC 7915 4.2); the others mean nothing
// behind an IPv4 header, but would be extension headers or ICMPv6 behind an IPv6 one.
bool is_foreign(uint8_t protocol) {
  return protocol == kProtoIgmp || protocol == kProtoHopByHop || protocol == kProtoRouting ||
         protocol == kProtoFragment || protocol == kProtoIcmp6 || protocol == kProtoDestOpts;
}

// The largest IPv6 packet, when the sender lets us fragment (RFC 7915 4.1: lowest-ipv6-mtu).
uint32_t unfragmented_limit(const Policy& policy, const Path& path) {
  return std::min(policy.lowest_ipv6_mtu, path.mtu6);
}

// The checks that RFC 7915 4 makes before a header is touched. kForward or kSplit, or a refusal.
Outcome admit(PacketBuf& buf, const PacketView& view, const Policy& policy, const Path& path,
              const Hints& hints) {
  const auto* ip = header_at<Ip4Header>(buf.data);
  // 4.1: "illegal source address (e.g., 0.0.0.0, 127.0.0.1, etc.) ... SHOULD silently discard".
  if (is_illegal_source(ip->source)) return drop(DropReason::kIllegalSource);
  if (view.payload == Payload::kIcmpError || view.payload == Payload::kIcmpOther) {
    return drop(DropReason::kIcmpUntranslatable);  // 4.2: single-hop or unknown, silently
  }
  if (is_foreign(view.protocol)) return drop(DropReason::kProtocol);
  // 1.2: fragments of ICMP cannot be translated by themselves.
  if (view.protocol == kProtoIcmp4 && view.is_fragment() && hints.icmp_length == 0) {
    return drop(DropReason::kFragment);
  }
  // 4.1: decrementing, "the translator MUST check for zero and send the ICMPv4 TTL Exceeded".
  if (ip->ttl <= 1 && !hints.keep_hop_limit) {
    return answer4(buf, view, {kIcmp4TimeExceeded, 0, 0}, path, DropReason::kHopLimit);
  }
  // 4.1: unexpired source route: MUST be discarded, SHOULD be answered 3/5.
  if (view.source_route) {
    return answer4(buf, view, {kIcmp4Unreachable, 5, 0}, path, DropReason::kSourceRoute);
  }
  const uint32_t growth = kGrowth + (view.is_fragment() ? kFragmentHeader : 0);
  if ((ip->flags_offset.host() & kIp4DontFragment) != 0) {
    if (view.total_length + growth <= path.mtu6) return {Action::kForward, DropReason::kNone, 0};
    // 4.1: DF set and "the MTU of the next-hop interface is less than the total length ... plus
    // 20": MUST send Fragmentation Needed.
    return answer4(buf, view, {kIcmp4Unreachable, 4, path.mtu6 - growth}, path,
                   DropReason::kTooBig);
  }
  const uint32_t limit = unfragmented_limit(policy, path);
  if (kHeader4 + view.l4_length() + growth <= limit)
    return {Action::kForward, DropReason::kNone, 0};
  return {Action::kSplit, DropReason::kNone, static_cast<uint16_t>(limit)};
}

// 4.5. The payload is not a later fragment.
void patch_transport(PacketBuf& buf, const PacketView& view, const Rewrite6& to,
                     const Hints& hints) {
  uint8_t* l4 = buf.data + view.l4_offset;
  switch (view.payload) {
    case Payload::kTcp:
      patch_tcp(l4, ports_of(to),
                hints.has_delta ? hints.delta : transport_delta<Ip4Header>(buf, view, to));
      break;
    case Payload::kUdp:
      patch_udp(l4, ports_of(to),
                hints.has_delta ? hints.delta : transport_delta<Ip4Header>(buf, view, to));
      break;
    case Payload::kIcmpQuery: {
      const uint32_t length = hints.icmp_length != 0 ? hints.icmp_length : view.l4_length();
      patch_query(l4, map_query_4to6(view.icmp_type), ports_of(to), 0,
                  pseudo_sum6(to.source, to.destination, kProtoIcmp6, length));
      break;
    }
    default: break;  // 4.5: "translators MUST forward all transport protocols"
  }
}

// Everything the fast path leaves: options, fragments, ICMP, other protocols, refusals.
[[gnu::noinline]] Outcome rewrite_any(PacketBuf& buf, const PacketView& view, const Rewrite6& to,
                                      const Policy& policy, const Path& path, const Hints& hints) {
  if (buf.headroom < kGrowth + kFragmentHeader) return drop(DropReason::kNoBuffer);
  const Outcome outcome = admit(buf, view, policy, path, hints);
  if (outcome.action != Action::kForward && outcome.action != Action::kSplit) return outcome;
  if (is_udp_zero(buf, view)) {
    const auto reason = settle_udp_zero(buf, view, policy.udp_zero(view),
                                        sum_of(to.source) + sum_of(to.destination), ports_of(to));
    if (reason != DropReason::kNone) return drop(reason);
  } else {
    patch_transport(buf, view, to, hints);
    if (is_special(view, policy)) {
      clamp_mss(buf.data + view.l4_offset, buf.length - view.l4_offset, mss_limit(policy, path));
    }
  }
  const auto* ip = header_at<Ip4Header>(buf.data);
  // 4: a fragment header only for what is a fragment, or is about to be split.
  const bool fragment = view.is_fragment() || outcome.action == Action::kSplit;
  const uint32_t header = kHeader6 + (fragment ? kFragmentHeader : 0);
  const uint8_t protocol = view.protocol == kProtoIcmp4 ? uint8_t{kProtoIcmp6} : view.protocol;
  const Ip6Fields fields{
      .traffic_class = policy.class_4to6.of(ip->tos),
      .hop_limit = static_cast<uint8_t>(ip->ttl - !hints.keep_hop_limit),
      .next_header = fragment ? uint8_t{kProtoFragment} : protocol,
      .payload_length = static_cast<uint16_t>(header - kHeader6 + view.l4_length())};
  uint8_t* start = buf.data + view.l4_offset - header;
  if (fragment) {
    write_fragment_header(start + kHeader6, protocol, view.fragment_offset, view.more_fragments,
                          view.fragment_id);
  }
  write_ip6(start, fields, to.source, to.destination);
  buf.move_start(static_cast<int32_t>(view.l4_offset) - static_cast<int32_t>(header));
  return outcome;
}

// Whole TCP or UDP without options, with nothing to refuse.
bool is_plain4(const PacketBuf& buf, const PacketView& view, const Policy& policy, const Path& path,
               const Hints& hints) {
  const auto* ip = header_at<Ip4Header>(buf.data);
  return view.l4_offset == kHeader4 && !view.more_fragments && !is_special(view, policy) &&
         (view.payload == Payload::kTcp ||
          (view.payload == Payload::kUdp &&
           header_at<UdpHeader>(buf.data + kHeader4)->checksum.raw() != 0)) &&
         hints.has_delta && (ip->ttl > 1 || hints.keep_hop_limit) &&
         plain_4to6_fits(buf.data, buf.length, PlainPolicy::of(policy), path.mtu6) &&
         buf.headroom >= kGrowth && !is_illegal_source(ip->source);
}

}  // namespace

Outcome rewrite_4to6(PacketBuf& buf, const PacketView& view, const Rewrite6& to,
                     const Policy& policy, const Path& path, const Hints& hints) {
  if (!is_plain4(buf, view, policy, path, hints)) [[unlikely]] {
    return rewrite_any(buf, view, to, policy, path, hints);
  }
  write_ports(buf.data + kHeader4, ports_of(to));
  const auto source = [&](uint8_t* at) { net::store(at, to.source); };
  plain_4to6(buf.data, buf.length, source, to.destination, PlainPolicy::of(policy), hints.delta,
             hints.keep_hop_limit);
  buf.move_start(-static_cast<int32_t>(kPlainGrowth));
  return {Action::kForward, DropReason::kNone, 0};
}

}  // namespace isthmus::xlat
