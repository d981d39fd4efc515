// SPDX-License-Identifier: BSD-3-Clause
// hot path
// What both directions of ICMP error translation share; see quote.h for the layout.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "xlat/header_sizes.h"
#include "xlat/quote.h"
#include "xlat/rewrite.h"
#include "xlat/wire.h"

namespace isthmus::xlat {

/// An ICMP error while it is being rewritten. Sums cover what changes; the checksum moves by their
/// difference, so that a wrong one stays wrong (its receiver decides) and nothing is recomputed.
/// Order: read what is needed of the old headers, arrange(), patch the content, write the inner
/// header, finish(), write the outer header.
class ErrorBody {
 public:
  ErrorBody(net::PacketBuf& buf, const net::PacketView& view, const net::PacketView& inner_view)
      : buf_(buf),
        inner_(inner_view),
        bounds_(quote_bounds(buf, view)),
        icmp_(buf.data + view.l4_offset),
        content_(icmp_ + kIcmpHeader + inner_view.l4_offset),
        old_content_(bounds_.quote - inner_view.l4_offset) {
    std::memcpy(&old_icmp_, icmp_, sizeof old_icmp_);
  }

  const net::IcmpHeader& old_icmp() const { return old_icmp_; }
  uint8_t* content() const { return content_; }
  /// Bytes of the quoted packet's transport part that will be there.
  uint32_t available() const { return std::min(tail_.content, inner_.l4_length()); }
  uint32_t message_length() const { return kIcmpHeader + format_.inner_header + tail_.size(); }

  /// Arranges what stands behind the inner header. False if the buffer has no room.
  bool arrange(const BodyFormat& format) {
    format_ = format;
    tail_ = plan_tail(old_content_, inner_.l4_length(), bounds_.extension, format);
    if (tail_.size() > old_content_ + bounds_.extension + buf_.tailroom) {
      format_.may_extend = false;  // better without its extension than not at all
      tail_ = plan_tail(old_content_, inner_.l4_length(), bounds_.extension, format_);
    }
    const uint32_t in_front = format_.outer + format_.inner_header;
    if (content_ - buf_.data + buf_.headroom < static_cast<int32_t>(in_front)) return false;
    old_sum_ = net::sum_bytes(icmp_, 2) + net::sum_bytes(icmp_ + 4, 4) +
               net::sum_bytes(icmp_ + kIcmpHeader, inner_.l4_offset) + sum_head() +
               net::sum_bytes(content_ + even_end(), old_content_ - even_end()) +
               net::sum_bytes(content_ + old_content_ + tail_.extension,
                              bounds_.extension - tail_.extension);
    std::memmove(content_ + tail_.content + tail_.padding, content_ + old_content_,
                 tail_.extension);
    std::memset(content_ + tail_.content, 0, tail_.padding);
    return true;
  }

  /// Quote length in units, for the RFC 4884 attribute; 0 without extension.
  uint8_t length_attribute() const {
    if (tail_.extension == 0) return 0;
    const uint32_t quote = format_.inner_header + tail_.content + tail_.padding;
    return static_cast<uint8_t>(quote / format_.unit);
  }

  /// Writes the new ICMP header and fits `buf` around the message. The inner header stands.
  uint8_t* finish(const net::IcmpHeader& icmp, uint64_t old_pseudo, uint64_t new_pseudo) {
    uint8_t* inner = content_ - format_.inner_header;
    auto* at = net::header_at<net::IcmpHeader>(inner - kIcmpHeader);
    *at = icmp;
    const uint64_t new_sum =
        net::sum_bytes(at, 2) + net::sum_bytes(&at->rest, 4) +
        net::sum_bytes(inner, format_.inner_header) + sum_head() +
        net::sum_bytes(content_ + even_end(), tail_.content + tail_.padding - even_end());
    const auto delta = net::ChecksumDelta::between(old_sum_ + old_pseudo, new_sum + new_pseudo);
    at->checksum = delta.apply(old_icmp_.checksum);
    uint8_t* start = inner - format_.outer;
    buf_.move_start(static_cast<int32_t>(start - buf_.data));
    buf_.set_length(format_.outer + format_.inner_header + tail_.size());
    return start;
  }

 private:
  // Where the part of the content ends that neither moves nor is padded: on a 16-bit boundary.
  uint32_t even_end() const { return tail_.content & ~1u; }
  // The part of the content that patching may change: a TCP header at most.
  uint64_t sum_head() const {
    return net::sum_bytes(content_, std::min<uint32_t>(sizeof(net::TcpHeader), even_end()));
  }

  net::PacketBuf& buf_;
  const net::PacketView& inner_;
  QuoteBounds bounds_;
  uint8_t* icmp_;     ///< old
  uint8_t* content_;  ///< does not move
  uint32_t old_content_;
  net::IcmpHeader old_icmp_;
  BodyFormat format_{};
  BodyTail tail_;
  uint64_t old_sum_ = 0;
};

/// What becomes of the transport header inside the quote.
struct InnerPatch {
  NewPorts ports;
  uint64_t old_addresses;
  uint64_t new_addresses;
  uint8_t query_type;         ///< for echo: the new type
  uint64_t old_query_pseudo;  ///< for echo: ICMPv6 pseudo-header sums, 0 in IPv4
  uint64_t new_query_pseudo;
};

inline void patch_inner(uint8_t* l4, uint32_t available, net::Payload payload,
                        const InnerPatch& patch) {
  // A later field than the first eight bytes may be missing: RFC 792 promises no more.
  const auto delta = [&] {
    return net::ChecksumDelta::between(patch.old_addresses + port_sum(l4),
                                       patch.new_addresses + port_sum(l4, patch.ports));
  };
  switch (payload) {
    case net::Payload::kTcp:
      if (available >= offsetof(net::TcpHeader, checksum) + 2) {
        patch_tcp(l4, patch.ports, delta());
      } else {
        write_ports(l4, patch.ports);
      }
      break;
    case net::Payload::kUdp: patch_udp(l4, patch.ports, delta()); break;
    case net::Payload::kIcmpQuery:
      patch_query(l4, patch.query_type, patch.ports, patch.old_query_pseudo,
                  patch.new_query_pseudo);
      break;
    default: break;
  }
}

inline bool is_query_or_transport(net::Payload payload) {
  return payload != net::Payload::kIcmpError && payload != net::Payload::kIcmpOther;
}

}  // namespace isthmus::xlat
