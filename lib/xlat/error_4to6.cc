// SPDX-License-Identifier: BSD-3-Clause
// hot path
// RFC 7915 4.2-4.3: ICMPv4 errors and the packets they quote.
#include <algorithm>

#include "xlat/error_body.h"
#include "xlat/header_sizes.h"
#include "xlat/reply.h"
#include "xlat/rewrite.h"

namespace isthmus::xlat {
namespace {

using namespace net;  // NOLINT: this file speaks of little else

constexpr uint32_t kLimit6 = kIp6MinMtu;  // RFC 4443 2.4 c

uint32_t inner_header6(const PacketView& inner) {
  return kHeader6 + (inner.is_fragment() ? kFragmentHeader : 0);
}

void write_inner6(uint8_t* at, const Ip4Header& old, const PacketView& view, const Rewrite6& to,
                  const Policy& policy) {
  const bool fragment = view.is_fragment();
  const uint8_t protocol = view.protocol == kProtoIcmp4 ? uint8_t{kProtoIcmp6} : view.protocol;
  if (fragment) {
    write_fragment_header(at + kHeader6, protocol, view.fragment_offset, view.more_fragments,
                          view.fragment_id);
  }
  write_ip6(at,
            {.traffic_class = policy.class_4to6.of(old.tos),
             .hop_limit = old.ttl,
             .next_header = fragment ? uint8_t{kProtoFragment} : protocol,
             .payload_length =
                 static_cast<uint16_t>(view.l4_length() + (fragment ? kFragmentHeader : 0))},
            to.source, to.destination);
}

// The new ICMPv6 header but for checksum and extension length. False: drop.
bool map_header_4to6(const IcmpHeader& old, const IcmpMapping& mapping, const PacketView& inner,
                     const Path& path, IcmpHeader& out) {
  out.type = mapping.type;
  out.code = mapping.code;
  out.rest = Be32(0);
  if (mapping.rest == Rest::kMtu) {
    out.mtu6 = Be32(ptb_mtu(old.error4.mtu4.host(), inner.total_length, path.mtu4, path.mtu6));
  } else if (mapping.rest == Rest::kNextHeader) {
    out.pointer6 = Be32(offsetof(Ip6Header, next_header));
  } else if (mapping.rest == Rest::kPointer) {
    const int pointer = map_pointer_4to6(old.error4.pointer);
    if (pointer < 0) return false;
    out.pointer6 = Be32(static_cast<uint32_t>(pointer));
  }
  return mapping.rest != Rest::kUntranslatable;
}

// Illegal sources pass: RFC 7915 4.1, "for the purpose of trouble shooting".
DropReason admit4(const PacketBuf& buf, const PacketView& view, const Hints& hints) {
  if (view.source_route) return DropReason::kSourceRoute;
  if (view.is_fragment()) return DropReason::kFragment;
  const uint8_t ttl = header_at<Ip4Header>(buf.data)->ttl;
  return ttl <= 1 && !hints.keep_hop_limit ? DropReason::kHopLimit : DropReason::kNone;
}

}  // namespace

Outcome rewrite_error_4to6(PacketBuf& buf, const PacketView& view, const Rewrite6& outer,
                           const PacketView& inner_view, const Rewrite6& inner,
                           const Policy& policy, const Path& path, const Hints& hints) {
  const auto refusal = admit4(buf, view, hints);
  if (refusal != DropReason::kNone) return drop(refusal);
  if (!is_query_or_transport(inner_view.payload)) return drop(DropReason::kIcmpInner);
  ErrorBody body(buf, view, inner_view);
  const auto mapping = map_error_4to6(body.old_icmp().type, body.old_icmp().code);
  IcmpHeader icmp;
  if (!map_header_4to6(body.old_icmp(), mapping, inner_view, path, icmp)) {
    return drop(DropReason::kIcmpUntranslatable);
  }
  const Ip4Header old = *header_at<Ip4Header>(buf.data);
  const Ip4Header old_inner = *header_at<Ip4Header>(body.content() - inner_view.l4_offset);
  const uint32_t inner_header = inner_header6(inner_view);
  if (!body.arrange({.outer = kHeader6 + kIcmpHeader,
                     .inner_header = inner_header,
                     .unit = 8,
                     // RFC 4884 4.6: Packet Too Big and Parameter Problem have no place for it.
                     .may_extend = mapping.rest == Rest::kUnused,
                     .wanted = kLimit6,
                     .limit = kLimit6})) {
    return drop(DropReason::kNoBuffer);
  }
  patch_inner(body.content(), body.available(), inner_view.payload,
              {.ports = ports_of(inner),
               .old_addresses = sum_of(old_inner.source) + sum_of(old_inner.destination),
               .new_addresses = sum_of(inner.source) + sum_of(inner.destination),
               .query_type = map_query_4to6(inner_view.icmp_type),
               .old_query_pseudo = 0,
               .new_query_pseudo = pseudo_sum6(inner.source, inner.destination, kProtoIcmp6,
                                               inner_view.l4_length())});
  write_inner6(body.content() - inner_header, old_inner, inner_view, inner, policy);
  if (mapping.rest == Rest::kUnused) icmp.length6 = body.length_attribute();
  const uint32_t message = body.message_length();
  uint8_t* start =
      body.finish(icmp, 0, pseudo_sum6(outer.source, outer.destination, kProtoIcmp6, message));
  write_ip6(start,
            {.traffic_class = policy.class_4to6.of(old.tos),
             .hop_limit = static_cast<uint8_t>(old.ttl - !hints.keep_hop_limit),
             .next_header = kProtoIcmp6,
             .payload_length = static_cast<uint16_t>(message)},
            outer.source, outer.destination);
  return {Action::kForward, DropReason::kNone, 0};
}

}  // namespace isthmus::xlat
