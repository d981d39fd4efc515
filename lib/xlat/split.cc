// SPDX-License-Identifier: BSD-3-Clause
#include "xlat/split.h"

#include <algorithm>
#include <cstring>

#include "net/checksum.h"
#include "net/headers.h"

namespace isthmus::xlat {

using namespace net;  // NOLINT: this file speaks of little else

Splitter::Splitter(const PacketBuf& whole, uint16_t mtu) : header_(whole.data) {
  v6_ = header_[0] >> 4 == 6;
  if (v6_) {
    // The translator puts the fragment header right behind the IPv6 header.
    header_length_ = sizeof(Ip6Header) + sizeof(Ip6FragmentHeader);
    const auto* f = header_at<Ip6FragmentHeader>(header_ + sizeof(Ip6Header));
    first_offset_ = f->offset_flags.host() & 0xfff8u;
    more_ = (f->offset_flags.host() & 1) != 0;
  } else {
    const auto* ip = header_at<Ip4Header>(header_);
    header_length_ = static_cast<uint32_t>(ip->header_length());
    first_offset_ = (ip->flags_offset.host() & kIp4OffsetMask) * 8u;
    more_ = (ip->flags_offset.host() & kIp4MoreFragments) != 0;
  }
  payload_ = header_ + header_length_;
  payload_length_ = whole.length - header_length_;
  step_ = std::max(8u, mtu > header_length_ ? (mtu - header_length_) & ~7u : 0u);
}

uint32_t Splitter::next_length() const {
  if (done_ == payload_length_) return 0;
  return header_length_ + std::min(step_, payload_length_ - done_);
}

void Splitter::write_next(uint8_t* out) {
  const uint32_t piece = std::min(step_, payload_length_ - done_);
  const uint32_t offset = first_offset_ + done_;
  std::memcpy(out, header_, header_length_);
  std::memcpy(out + header_length_, payload_ + done_, piece);
  done_ += piece;
  const bool more = more_ || done_ < payload_length_;
  const uint32_t length = header_length_ + piece;
  if (v6_) {
    header_at<Ip6Header>(out)->payload_length =
        Be16(static_cast<uint16_t>(length - sizeof(Ip6Header)));
    header_at<Ip6FragmentHeader>(out + sizeof(Ip6Header))->offset_flags =
        Be16(static_cast<uint16_t>(offset | (more ? 1 : 0)));
    return;
  }
  auto* ip = header_at<Ip4Header>(out);
  ip->total_length = Be16(static_cast<uint16_t>(length));
  ip->flags_offset = Be16(static_cast<uint16_t>(offset / 8 | (more ? kIp4MoreFragments : 0)));
  ip->checksum = Be16(0);
  ip->checksum = checksum_of(sum_bytes(ip, header_length_));
}

}  // namespace isthmus::xlat
