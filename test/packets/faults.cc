// SPDX-License-Identifier: BSD-3-Clause
// An independent judge of lengths and checksums; see builder.h.
#include "packets/builder.h"

namespace isthmus::test {
namespace {

unsigned get16(const Bytes& bytes, std::size_t at) {
  return bytes.at(at) * 256u + bytes.at(at + 1);
}
Bytes part(const Bytes& bytes, std::size_t from, std::size_t length) {
  return {bytes.begin() + static_cast<long>(from),
          bytes.begin() + static_cast<long>(from + length)};
}

std::string transport_faults(const Bytes& addresses, unsigned protocol, const Bytes& l4) {
  std::string out;
  Bytes pseudo = addresses;
  const auto length = static_cast<uint32_t>(l4.size());
  const uint8_t tail[] = {
      uint8_t(length >> 24), uint8_t(length >> 16), uint8_t(length >> 8), uint8_t(length), 0, 0, 0,
      uint8_t(protocol)};
  pseudo.insert(pseudo.end(), tail, tail + sizeof tail);
  if (protocol == 17) {
    if (l4.size() < 8) return "udp too short; ";
    if (get16(l4, 4) != l4.size()) out += "udp length; ";
    if (get16(l4, 6) == 0) return addresses.size() == 8 ? out : out + "udp checksum 0; ";
  } else if (protocol == 6) {
    if (l4.size() < 20) return "tcp too short; ";
  } else if (protocol == 1) {
    pseudo.clear();
  } else if (protocol != 58) {
    return out;
  }
  if (plain_checksum(pseudo + l4) != 0) out += "transport checksum; ";
  return out;
}

}  // namespace

std::string faults(const Bytes& packet) {
  if (packet.empty()) return "empty; ";
  std::string out;
  if (packet[0] >> 4 == 4) {
    const std::size_t header = (packet[0] & 15u) * 4;
    if (packet.size() < 20 || header < 20 || packet.size() < header) return "ip4 too short; ";
    if (get16(packet, 2) != packet.size()) out += "ip4 total length; ";
    if (plain_checksum(part(packet, 0, header)) != 0) out += "ip4 checksum; ";
    return out + transport_faults(part(packet, 12, 8), packet[9],
                                  part(packet, header, packet.size() - header));
  }
  if (packet[0] >> 4 != 6 || packet.size() < 40) return "not an ip packet; ";
  if (get16(packet, 4) + 40 != packet.size()) out += "ip6 payload length; ";
  unsigned next = packet[6];
  std::size_t at = 40;
  while (next == 0 || next == 43 || next == 60 || next == 44) {
    if (at + 8 > packet.size()) return out + "ip6 extension header; ";
    const std::size_t length = next == 44 ? 8 : (packet[at + 1] + 1u) * 8;
    next = packet[at];
    at += length;
  }
  if (at > packet.size()) return out + "ip6 extension header; ";
  return out + transport_faults(part(packet, 8, 32), next, part(packet, at, packet.size() - at));
}

}  // namespace isthmus::test
