// SPDX-License-Identifier: BSD-3-Clause
#include "xlat/udp_zero.h"

namespace isthmus::xlat {

using namespace net;  // NOLINT

DropReason settle_udp_zero(PacketBuf& buf, const PacketView& view, UdpZero policy,
                           uint64_t addresses, const NewPorts& ports) {
  const bool compute = policy == UdpZero::kCompute;
  if (policy == UdpZero::kDrop || (compute && view.is_fragment())) {
    return DropReason::kUdpZeroChecksum;
  }
  uint8_t* l4 = buf.data + view.l4_offset;
  write_ports(l4, ports);
  if (!compute) return DropReason::kNone;
  auto* udp = header_at<UdpHeader>(l4);
  const uint32_t length = udp->length.host();  // parse has seen that so many bytes are there
  const uint64_t pseudo = addresses + Be16(kProtoUdp).raw() + Be16(udp->length).raw();
  const Be16 checksum = checksum_of(sum_bytes(l4, length, pseudo));
  // RFC 768: a computed zero is sent as all ones.
  udp->checksum = checksum.raw() == 0 ? Be16::from_raw(0xffff) : checksum;
  return DropReason::kNone;
}

}  // namespace isthmus::xlat
