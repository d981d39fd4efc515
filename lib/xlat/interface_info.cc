// SPDX-License-Identifier: BSD-3-Clause
#include "xlat/interface_info.h"

#include <algorithm>
#include <cstring>

#include "net/checksum.h"
#include "xlat/quote.h"

namespace isthmus::xlat {

using namespace net;  // NOLINT: this file speaks of little else

namespace {

constexpr uint32_t kStructureHeader = 4;  // RFC 4884 7: version, reserved, checksum
constexpr uint8_t kVersion = 0x20;
constexpr uint32_t kObject = 24;
// RFC 5837 4.1: role 0, "the IP interface upon which a datagram arrived"; an address and no more.
constexpr uint8_t kClass = 2, kIpAddress = 0x04;
constexpr uint16_t kAfi6 = 2;
// In front of an extension more than that would be cut in the ICMPv4 message anyway (conflict C14).
constexpr uint32_t kLeastQuote = 128, kMostQuote = 536;

void write_object(uint8_t* at, const Ip6& sender) {
  const Be16 words[4] = {Be16(kObject), Be16(kClass << 8 | kIpAddress), Be16(kAfi6), Be16(0)};
  std::memcpy(at, words, sizeof words);
  std::memcpy(at + sizeof words, &sender, sizeof sender);
}

void sum_structure(uint8_t* structure, uint32_t length) {
  std::memset(structure + 2, 0, 2);
  const Be16 checksum = checksum_of(sum_bytes(structure, length));
  std::memcpy(structure + 2, &checksum, 2);
}

// Where the structure of `extension` bytes begins, so that there is room for the object behind it;
// nullptr if there is not.
uint8_t* make_room(PacketBuf& buf, IcmpHeader& icmp, uint8_t* quote, const QuoteBounds& bounds) {
  if (bounds.extension != 0) {
    uint8_t* structure = quote + bounds.quote;
    const bool sound = bounds.extension >= kStructureHeader && structure[0] >> 4 == kVersion >> 4;
    if (!sound || buf.tailroom < kObject) return nullptr;
    buf.set_length(buf.length + kObject);
    return structure;
  }
  const uint32_t wanted = std::clamp((bounds.quote + 7) & ~7u, kLeastQuote, kMostQuote);
  const auto in_front = static_cast<uint32_t>(quote - buf.data);
  const uint32_t length = in_front + wanted + kStructureHeader + kObject;
  if (length > buf.length + buf.tailroom) return nullptr;
  if (wanted > bounds.quote) std::memset(quote + bounds.quote, 0, wanted - bounds.quote);
  buf.set_length(length);
  icmp.length6 = static_cast<uint8_t>(wanted / 8);
  std::memset(quote + wanted, 0, kStructureHeader);
  quote[wanted] = kVersion;
  return quote + wanted;
}

}  // namespace

void add_interface_info(PacketBuf& buf, PacketView& view, const Ip6& sender) {
  auto& icmp = *header_at<IcmpHeader>(buf.data + view.l4_offset);
  if (icmp.type != kIcmp6Unreachable && icmp.type != kIcmp6TimeExceeded) return;
  uint8_t* quote = buf.data + view.l4_offset + sizeof(IcmpHeader);
  uint8_t* structure = make_room(buf, icmp, quote, quote_bounds(buf, view));
  if (structure == nullptr) return;
  uint8_t* end = buf.data + buf.length;
  write_object(end - kObject, sender);
  sum_structure(structure, static_cast<uint32_t>(end - structure));

  auto& ip = *header_at<Ip6Header>(buf.data);
  ip.payload_length = Be16(static_cast<uint16_t>(buf.length - sizeof(Ip6Header)));
  view.total_length = buf.length;
  icmp.checksum = Be16(0);
  icmp.checksum =
      checksum_of(sum_bytes(&icmp, view.l4_length(),
                            pseudo_sum6(ip.source, ip.destination, kProtoIcmp6, view.l4_length())));
}

}  // namespace isthmus::xlat
