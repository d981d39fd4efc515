// SPDX-License-Identifier: BSD-3-Clause
// hot path
// RFC 7915 5.2-5.3: ICMPv6 errors and the packets they quote.
#include <algorithm>

#include "xlat/error_body.h"
#include "xlat/header_sizes.h"
#include "xlat/reply.h"
#include "xlat/rewrite.h"

namespace isthmus::xlat {
namespace {

using namespace net;  // NOLINT: this file speaks of little else

// Conflict C14. An ICMPv4 error with an extension keeps to the classic 576 bytes (RFC 4884 5.3) by
// quoting less; one without goes on whole, unless the operator wants it otherwise: an ICMPv6 error
// of 1280 bytes makes 1240.
constexpr uint32_t kWanted4 = 576;
constexpr uint32_t kLimit4 = 1260;

// The inner IPv4 header: as outside, but the hop limit is kept, and lengths are those that the
// packet had, not those of the quote (RFC 7915 5.3).
void write_inner4(uint8_t* at, const Ip6Header& old, const PacketView& view, const Rewrite4& to,
                  const Policy& policy) {
  const uint32_t total_length = std::min(kHeader4 + view.l4_length(), 65535u);
  const bool fragment = view.has_fragment_header;
  const auto fragment_bits = static_cast<uint16_t>(view.fragment_offset / 8 |
                                                   (view.more_fragments ? kIp4MoreFragments : 0));
  write_ip4(at,
            {.tos = policy.class_6to4.of(old.traffic_class()),
             .ttl = old.hop_limit,
             .protocol = view.protocol == kProtoIcmp6 ? uint8_t{kProtoIcmp4} : view.protocol,
             .total_length = static_cast<uint16_t>(total_length),
             .id = fragment ? static_cast<uint16_t>(view.fragment_id) : uint16_t{0},
             .flags_offset = fragment ? fragment_bits : df_for(total_length)},
            to.source, to.destination);
}

// The new ICMPv4 header but for checksum and extension length. False: drop.
bool map_header_6to4(const IcmpHeader& old, const IcmpMapping& mapping, const PacketView& inner,
                     const Path& path, IcmpHeader& out) {
  out.type = mapping.type;
  out.code = mapping.code;
  out.rest = Be32(0);
  if (mapping.rest == Rest::kMtu) {
    const uint32_t growth = kHeader6 - kHeader4 + (inner.has_fragment_header ? kFragmentHeader : 0);
    out.error4.mtu4 = Be16(fn_mtu(old.mtu6.host(), growth, path.mtu4, path.mtu6));
  } else if (mapping.rest == Rest::kPointer) {
    const int pointer = map_pointer_6to4(old.pointer6.host());
    if (pointer < 0) return false;
    out.error4.pointer = static_cast<uint8_t>(pointer);
  }
  return mapping.rest != Rest::kUntranslatable;
}

DropReason admit6(const PacketBuf& buf, const PacketView& view, const Hints& hints) {
  const auto* ip = header_at<Ip6Header>(buf.data);
  if (is_illegal_source(ip->source)) return DropReason::kIllegalSource;
  if (view.source_route) return DropReason::kSourceRoute;
  if (view.is_fragment()) return DropReason::kFragment;
  return ip->hop_limit <= 1 && !hints.keep_hop_limit ? DropReason::kHopLimit : DropReason::kNone;
}

}  // namespace

Outcome rewrite_error_6to4(PacketBuf& buf, const PacketView& view, const Rewrite4& outer,
                           const PacketView& inner_view, const Rewrite4& inner,
                           const Policy& policy, const Path& path, IdGenerator& ids,
                           const Hints& hints) {
  const auto refusal = admit6(buf, view, hints);
  if (refusal != DropReason::kNone) return drop(refusal);
  if (!is_query_or_transport(inner_view.payload)) return drop(DropReason::kIcmpInner);
  ErrorBody body(buf, view, inner_view);
  const auto mapping = map_error_6to4(body.old_icmp().type, body.old_icmp().code);
  IcmpHeader icmp;
  if (!map_header_6to4(body.old_icmp(), mapping, inner_view, path, icmp)) {
    return drop(DropReason::kIcmpUntranslatable);
  }
  const Ip6Header old = *header_at<Ip6Header>(buf.data);
  const Ip6Header old_inner = *header_at<Ip6Header>(body.content() - inner_view.l4_offset);
  if (!body.arrange({.outer = kHeader4 + kIcmpHeader,
                     .inner_header = kHeader4,
                     .unit = 4,
                     .may_extend = true,
                     .wanted = kWanted4,
                     .limit = policy.short_icmp4_errors ? kWanted4 : kLimit4})) {
    return drop(DropReason::kNoBuffer);
  }
  patch_inner(body.content(), body.available(), inner_view.payload,
              {.ports = ports_of(inner),
               .old_addresses = sum_of(old_inner.source) + sum_of(old_inner.destination),
               .new_addresses = sum_of(inner.source) + sum_of(inner.destination),
               .query_type = map_query_6to4(inner_view.icmp_type),
               .old_query_pseudo = pseudo_sum6(old_inner.source, old_inner.destination, kProtoIcmp6,
                                               inner_view.l4_length()),
               .new_query_pseudo = 0});
  write_inner4(body.content() - kHeader4, old_inner, inner_view, inner, policy);
  icmp.error4.length4 = body.length_attribute();
  const uint64_t pseudo = pseudo_sum6(old.source, old.destination, kProtoIcmp6, view.l4_length());
  const uint32_t total_length = kHeader4 + body.message_length();
  uint8_t* start = body.finish(icmp, pseudo, 0);
  const bool split = total_length > path.mtu4;
  write_ip4(start,
            {.tos = policy.class_6to4.of(old.traffic_class()),
             .ttl = static_cast<uint8_t>(old.hop_limit - !hints.keep_hop_limit),
             .protocol = kProtoIcmp4,
             .total_length = static_cast<uint16_t>(total_length),
             // 5.1.1: an atomic fragment's identification goes on.
             .id = view.has_fragment_header ? static_cast<uint16_t>(view.fragment_id)
                   : split ? ids.take_for(outer.source, outer.destination, kProtoIcmp4)
                           : ids.take(),
             .flags_offset = df_for(total_length)},
            outer.source, outer.destination);
  if (!split) return {Action::kForward, DropReason::kNone, 0};
  return {Action::kSplit, DropReason::kNone, path.mtu4};
}

}  // namespace isthmus::xlat
