// SPDX-License-Identifier: BSD-3-Clause
#include "xlat/quote.h"

#include <algorithm>

#include "net/checksum.h"
#include "xlat/icmp_map.h"
#include "xlat/rewrite.h"

namespace isthmus::xlat {

using namespace net;  // NOLINT: this file speaks of little else

namespace {

// RFC 4884 3: an extension comes behind at least so much of the original datagram.
constexpr uint32_t kMinExtendedQuote = 128;

// RFC 4884 4: the sixth octet counts 32-bit words (ICMPv4), the fifth 64-bit words (ICMPv6).
uint32_t length_attribute(const IcmpHeader& icmp, uint8_t family) {
  if (family == 4) {
    const bool extensible = icmp.type == kIcmp4Unreachable || icmp.type == kIcmp4TimeExceeded ||
                            icmp.type == kIcmp4ParamProblem;
    return extensible ? icmp.error4.length4 * 4u : 0;
  }
  const bool extensible = icmp.type == kIcmp6Unreachable || icmp.type == kIcmp6TimeExceeded;
  return extensible ? icmp.length6 * 8u : 0;
}

constexpr uint32_t round_up(uint32_t value, uint32_t unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace

QuoteBounds quote_bounds(const PacketBuf& buf, const PacketView& view) {
  const auto* icmp = header_at<IcmpHeader>(buf.data + view.l4_offset);
  const uint32_t body = buf.length - view.l4_offset - static_cast<uint32_t>(sizeof(IcmpHeader));
  const uint32_t length = length_attribute(*icmp, view.family);
  const uint32_t least =
      static_cast<uint32_t>(view.family == 4 ? sizeof(Ip4Header) : sizeof(Ip6Header)) + 8;
  // Lengths under 128 do not conform, but are common, and harm nobody.
  if (length < least || length >= body) return {body, 0};
  return {length, body - length};
}

BodyTail plan_tail(uint32_t content, uint32_t original, uint32_t extension,
                   const BodyFormat& format) {
  BodyTail tail;
  // In front of an extension, whatever the quoted packet itself does not account for is padding.
  tail.content = extension != 0 ? std::min(content, original) : content;
  const uint32_t fixed = format.outer + format.inner_header;
  if (extension == 0 || !format.may_extend) {
    tail.content = std::min(tail.content, format.limit - fixed);
    return tail;
  }
  const uint32_t around = format.outer + extension;
  const uint32_t room = format.wanted > around ? (format.wanted - around) & ~(format.unit - 1) : 0;
  const uint32_t full = round_up(format.inner_header + tail.content, format.unit);
  const uint32_t quote = std::max(kMinExtendedQuote, std::min(full, room));
  tail.content = std::min(tail.content, quote - format.inner_header);
  tail.padding = quote - format.inner_header - tail.content;
  // RFC 7915 4.2: an extension that exceeds the maximum size "SHOULD be simply truncated".
  tail.extension = std::min(extension, format.limit - format.outer - quote);
  return tail;
}

DropReason parse_quoted(const PacketBuf& buf, const PacketView& view, PacketView& inner_view) {
  if (view.payload != Payload::kIcmpError) return DropReason::kIcmpInner;
  const auto mapping = view.family == 4 ? map_error_4to6(view.icmp_type, view.icmp_code)
                                        : map_error_6to4(view.icmp_type, view.icmp_code);
  if (mapping.rest == Rest::kUntranslatable) return DropReason::kIcmpUntranslatable;
  // Half a message has neither a checksum to trust nor all of the quote.
  if (view.is_fragment()) return DropReason::kFragment;
  PacketBuf quote;
  quote.data = buf.data + view.l4_offset + sizeof(IcmpHeader);
  quote.length = quote_bounds(buf, view).quote;
  const auto reason = view.family == 4 ? parse4(quote, inner_view, Extent::kQuoted)
                                       : parse6(quote, inner_view, Extent::kQuoted);
  if (reason != DropReason::kNone) return DropReason::kIcmpInner;
  // RFC 7915 4.3, 5.3: "MUST stop at the first embedded header and drop the packet if it contains
  // more"; RFC 6146 3.4 likewise. Other ICMP than echo is never translated, so never quoted.
  if (inner_view.payload == Payload::kIcmpError || inner_view.payload == Payload::kIcmpOther) {
    return DropReason::kIcmpInner;
  }
  // RFC 5508 REQ-3a: SHOULD drop when the quoted packet's own header checksum is wrong. (3c: its
  // transport checksum SHOULD NOT be looked at.)
  if (view.family == 4 && fold(sum_bytes(quote.data, inner_view.l4_offset)) != 0xffff) {
    return DropReason::kIcmpInner;
  }
  return DropReason::kNone;
}

bool icmp_checksum_ok(const PacketBuf& buf, const PacketView& view) {
  uint64_t pseudo = 0;
  if (view.family == 6) {
    const auto* ip = header_at<Ip6Header>(buf.data);
    pseudo = pseudo_sum6(ip->source, ip->destination, kProtoIcmp6, view.l4_length());
  }
  return fold(sum_bytes(buf.data + view.l4_offset, buf.length - view.l4_offset, pseudo)) == 0xffff;
}

}  // namespace isthmus::xlat
