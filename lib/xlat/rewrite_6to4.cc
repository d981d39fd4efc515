// SPDX-License-Identifier: BSD-3-Clause
// hot path
// RFC 7915 5: IPv6 -> IPv4.
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

// The checks that RFC 7915 5 makes before a header is touched. kForward or kSplit, or a refusal.
Outcome admit(PacketBuf& buf, const PacketView& view, const Path& path, const Hints& hints) {
  const auto* ip = header_at<Ip6Header>(buf.data);
  // 5.1: "illegal source address (e.g., ::1, etc.), the translator SHOULD silently drop".
  if (is_illegal_source(ip->source)) return drop(DropReason::kIllegalSource);
  if (view.payload == Payload::kIcmpError || view.payload == Payload::kIcmpOther) {
    return drop(DropReason::kIcmpUntranslatable);  // 5.2: single-hop or unknown, silently
  }
  // ICMPv4 inside IPv6 has no meaning there, but would gain one if its protocol were copied.
  if (view.protocol == kProtoIcmp4) return drop(DropReason::kProtocol);
  // 5.1.1: what follows the fragment header is an extension header. Of later fragments the parser
  // lets it pass, since only the first one's Next Header counts (RFC 8200 4.5), if one knows it.
  if (view.payload == Payload::kFragment && is_extension_header(view.protocol)) {
    return drop(DropReason::kExtHeader);
  }
  // RFC 791 3.1: a datagram has 65535 bytes with its header, which IPv6 does not count.
  if (view.fragment_offset != 0 && view.fragment_offset + view.l4_length() > 65535 - kHeader4) {
    return drop(DropReason::kBadLength);
  }
  // 1.2: fragments of ICMP cannot be translated by themselves.
  if (view.protocol == kProtoIcmp6 && view.is_fragment() && hints.icmp_length == 0) {
    return drop(DropReason::kFragment);
  }
  // 5.1: decrementing, "the translator MUST check for zero and send ... Hop Limit Exceeded".
  if (ip->hop_limit <= 1 && !hints.keep_hop_limit) {
    return answer6(buf, view, {kIcmp6TimeExceeded, 0, 0}, path, DropReason::kHopLimit);
  }
  // 5.1: Segments Left not zero: MUST NOT be translated, SHOULD be answered 4/0 pointing at it.
  if (view.source_route) {
    return answer6(buf, view, {kIcmp6ParamProblem, 0, view.segments_left_at}, path,
                   DropReason::kSourceRoute);
  }
  if (kHeader4 + view.l4_length() <= path.mtu4) return {Action::kForward, DropReason::kNone, 0};
  // 5.1.1: up to 1280 bytes the translator MUST fragment, since the sender cannot send less.
  if (view.total_length <= kIp6MinMtu) return {Action::kSplit, DropReason::kNone, path.mtu4};
  // 1.4: like any router; never below the IPv6 minimum MTU (RFC 8021).
  const uint32_t mtu = std::max<uint32_t>(kIp6MinMtu, path.mtu4 + (kHeader6 - kHeader4));
  return answer6(buf, view, {kIcmp6PacketTooBig, 0, mtu}, path, DropReason::kTooBig);
}

// 5.5. The payload is not a later fragment.
void patch_transport(PacketBuf& buf, const PacketView& view, const Rewrite4& to,
                     const Hints& hints) {
  uint8_t* l4 = buf.data + view.l4_offset;
  switch (view.payload) {
    case Payload::kTcp:
      patch_tcp(l4, ports_of(to),
                hints.has_delta ? hints.delta : transport_delta<Ip6Header>(buf, view, to));
      break;
    case Payload::kUdp:
      patch_udp(l4, ports_of(to),
                hints.has_delta ? hints.delta : transport_delta<Ip6Header>(buf, view, to));
      break;
    case Payload::kIcmpQuery: {
      const auto* ip = header_at<Ip6Header>(buf.data);
      const uint32_t length = hints.icmp_length != 0 ? hints.icmp_length : view.l4_length();
      patch_query(l4, map_query_6to4(view.icmp_type), ports_of(to),
                  pseudo_sum6(ip->source, ip->destination, kProtoIcmp6, length), 0);
      break;
    }
    default: break;  // forwarded as it is: "all transport protocols are translated" (5.1)
  }
}

// Everything the fast path leaves: extension headers, fragments, ICMP, other protocols, refusals.
[[gnu::noinline]] Outcome rewrite_any(PacketBuf& buf, const PacketView& view, const Rewrite4& to,
                                      const Policy& policy, const Path& path, IdGenerator& ids,
                                      const Hints& hints) {
  const Outcome outcome = admit(buf, view, path, hints);
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
  const auto* ip = header_at<Ip6Header>(buf.data);
  const uint32_t total_length = kHeader4 + view.l4_length();
  const bool fragment = view.has_fragment_header;
  const uint8_t protocol = view.protocol == kProtoIcmp6 ? uint8_t{kProtoIcmp4} : view.protocol;
  const auto fragment_bits = static_cast<uint16_t>(view.fragment_offset / 8 |
                                                   (view.more_fragments ? kIp4MoreFragments : 0));
  const Ip4Fields fields{.tos = policy.class_6to4.of(ip->traffic_class()),
                         .ttl = static_cast<uint8_t>(ip->hop_limit - !hints.keep_hop_limit),
                         .protocol = protocol,
                         .total_length = static_cast<uint16_t>(total_length),
                         // 5.1.1: with a fragment header, its low 16 bits, and DF clear.
                         .id = fragment ? static_cast<uint16_t>(view.fragment_id)
                               : outcome.action == Action::kSplit
                                   ? ids.take_for(to.source, to.destination, protocol)
                                   : ids.take(),
                         .flags_offset = fragment ? fragment_bits : df_for(total_length)};
  write_ip4(buf.data + view.l4_offset - kHeader4, fields, to.source, to.destination);
  buf.move_start(static_cast<int32_t>(view.l4_offset - kHeader4));
  return outcome;
}

// Whole TCP or UDP without extension headers, with nothing to refuse.
bool is_plain6(const PacketBuf& buf, const PacketView& view, const Policy& policy, const Path& path,
               const Hints& hints) {
  const auto* ip = header_at<Ip6Header>(buf.data);
  return view.l4_offset == kHeader6 && !is_special(view, policy) &&
         (view.payload == Payload::kTcp ||
          (view.payload == Payload::kUdp &&
           header_at<UdpHeader>(buf.data + kHeader6)->checksum.raw() != 0)) &&
         hints.has_delta && (ip->hop_limit > 1 || hints.keep_hop_limit) &&
         buf.length <= path.mtu4 + (kHeader6 - kHeader4) && !is_illegal_source(ip->source);
}

}  // namespace

Outcome rewrite_6to4(PacketBuf& buf, const PacketView& view, const Rewrite4& to,
                     const Policy& policy, const Path& path, IdGenerator& ids, const Hints& hints) {
  if (!is_plain6(buf, view, policy, path, hints)) [[unlikely]] {
    return rewrite_any(buf, view, to, policy, path, ids, hints);
  }
  write_ports(buf.data + kHeader6, ports_of(to));
  plain_6to4(buf.data, buf.length, to.source, to.destination, PlainPolicy::of(policy), ids.take(),
             hints.delta, hints.keep_hop_limit);
  buf.move_start(kPlainGrowth);
  return {Action::kForward, DropReason::kNone, 0};
}

}  // namespace isthmus::xlat
