// SPDX-License-Identifier: BSD-3-Clause
// The body of an ICMP error: the packet it quotes and, behind it, an extension (RFC 4884).
//
//   | outer header | ICMP header | inner header | content ... | padding | extension |
//                                 <------------- quote ---------------->
// Content is what the quote holds behind the quoted packet's IP headers. Translation leaves it
// where it is, writes longer or shorter headers in front of it, and moves the extension if it must.
#pragma once

#include <cstdint>

#include "net/packet_buf.h"
#include "net/parse.h"

namespace isthmus::xlat {

struct QuoteBounds {
  uint32_t quote = 0;      ///< bytes behind the ICMP header, padding included
  uint32_t extension = 0;  ///< bytes behind the quote; 0 if there is no extension
};

/// Splits the body of the ICMP error `view`. A length attribute that cannot be true is taken for
/// none: the octet was unused before RFC 4884 and not always zero.
QuoteBounds quote_bounds(const net::PacketBuf& buf, const net::PacketView& view);

/// What the translated message may look like.
struct BodyFormat {
  uint32_t outer;         ///< outer IP header and ICMP header, new
  uint32_t inner_header;  ///< new
  uint32_t unit;          ///< RFC 4884 length unit: 4 or 8
  bool may_extend;        ///< whether the new type can carry an extension
  uint32_t wanted;        ///< size of the message to which a quote in front of an extension is cut
  uint32_t limit;         ///< size of the message that is never exceeded
};

/// What stands behind the new inner header.
struct BodyTail {
  uint32_t content = 0;
  uint32_t padding = 0;
  uint32_t extension = 0;

  uint32_t size() const { return content + padding + extension; }
};

/// Decides how much of `content` bytes of old content (padding included), of which the quoted
/// packet itself has at most `original`, and of the extension goes on.
BodyTail plan_tail(uint32_t content, uint32_t original, uint32_t extension,
                   const BodyFormat& format);

}  // namespace isthmus::xlat
