// SPDX-License-Identifier: BSD-3-Clause
// Packets as tests write them:
//
//   ip6("2001:db8::1", "64:ff9b::c633:6401").hop_limit(64).udp(5000, 53).payload("abc")
//   ip4("198.51.100.1", "203.0.113.1").icmp4(3, 4, 1400).quote(ip4(...).udp(1, 2).payload(100))
//
// A Packet is a description; bytes() makes the packet. Lengths and checksums are computed from
// scratch, with code that shares nothing with lib/net, so that the two check each other. Whatever a
// real sender gets wrong can be asked for: bad_checksum(), total_length(), udp_length() ...
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace isthmus::test {

using Bytes = std::vector<uint8_t>;

/// Bytes from hex digits; blanks are ignored: hex("20 00 b0 27").
Bytes hex(std::string_view digits);
/// `size` bytes of a pattern that differs from place to place.
Bytes pattern(std::size_t size, uint8_t first = 0);
Bytes operator+(Bytes a, const Bytes& b);

class Packet {
 public:
  Packet(int family, std::string_view source, std::string_view destination);

  Bytes bytes() const;
  operator Bytes() const { return bytes(); }  // NOLINT: a description is used as its bytes

  /// The fragment that carries bytes [offset, offset + length) of this datagram's payload; M is set
  /// unless it is the last. Checksums and lengths above IP are those of the whole datagram.
  Bytes slice(std::size_t offset, std::size_t length, uint32_t id) const;

  // Either family.
  Packet& hop_limit(uint8_t v) { return set(hop_limit_, v); }
  Packet& ttl(uint8_t v) { return set(hop_limit_, v); }
  Packet& tos(uint8_t v) { return set(tos_, v); }
  Packet& traffic_class(uint8_t v) { return set(tos_, v); }
  /// IPv4: offset, MF and identification. IPv6: appends a fragment header. `offset` in bytes.
  Packet& fragment(uint16_t offset, bool more, uint32_t id);
  /// Overrides Total Length (IPv4) or Payload Length (IPv6).
  Packet& ip_length(uint16_t v) { return set(ip_length_, v); }
  /// Overrides the protocol (IPv4) or the last Next Header (IPv6).
  Packet& protocol(uint8_t v) { return set(protocol_override_, v); }

  // IPv4.
  Packet& id(uint16_t v) { return set(id_, v); }
  Packet& df(bool v = true) { return set(df_, v); }
  Packet& options4(const Bytes& bytes);  ///< padded with zeros to whole words
  Packet& bad_ip_checksum(uint16_t exclusive_or) { return set(ip_xor_, exclusive_or); }

  // IPv6 extension headers, in the order they are called.
  Packet& flow_label(uint32_t v) { return set(flow_label_, v); }
  Packet& hop_by_hop(std::size_t length = 8) { return extension_header(0, filler(length)); }
  Packet& dest_opts(std::size_t length = 8) { return extension_header(60, filler(length)); }
  Packet& routing(uint8_t segments_left, uint8_t addresses = 1);
  /// Any header in place of one; its first byte (Next Header) is filled in.
  Packet& extension_header(uint8_t type, const Bytes& bytes);

  // Transport.
  Packet& udp(uint16_t source, uint16_t destination);
  Packet& tcp(uint16_t source, uint16_t destination);
  Packet& icmp_echo(uint16_t id, uint16_t sequence);
  Packet& icmp_echo_reply(uint16_t id, uint16_t sequence);
  /// `rest` is the second word of the ICMP header: MTU, pointer (ICMPv4: in the top byte), ...
  Packet& icmp4(uint8_t type, uint8_t code, uint32_t rest = 0);
  Packet& icmp6(uint8_t type, uint8_t code, uint32_t rest = 0);
  /// Any other protocol, or any bytes in place of a transport header. No checksum is computed.
  Packet& raw(uint8_t protocol, const Bytes& bytes = {});

  Packet& payload(std::string_view text) { return payload(Bytes(text.begin(), text.end())); }
  Packet& payload(const Bytes& bytes);
  /// pattern(size).
  Packet& payload(int size) { return payload(pattern(static_cast<std::size_t>(size))); }

  // TCP. Flags as letters: "S", "SA", "F", "R", "P", "U".
  Packet& flags(std::string_view letters);
  Packet& seq(uint32_t v) { return set(seq_, v); }
  Packet& ack(uint32_t v) { return set(ack_, v); }
  Packet& window(uint16_t v) { return set(window_, v); }
  Packet& tcp_options(const Bytes& bytes);  ///< a multiple of 4

  // Checksums above IP.
  Packet& bad_checksum(uint16_t exclusive_or) { return set(xor_, exclusive_or); }
  Packet& zero_checksum() { return set(zero_checksum_, true); }
  Packet& udp_length(uint16_t v) { return set(udp_length_, v); }

  // ICMP errors. The quote is cut to `limit` bytes.
  Packet& quote(const Bytes& packet, std::size_t limit = SIZE_MAX);
  /// RFC 4884: pads the quote to `pad_to` bytes and to the unit of the family, notes its length in
  /// the ICMP header, and appends `structure`. Call after quote().
  Packet& extension(const Bytes& structure, std::size_t pad_to = 128);

 private:
  template <class Field, class Value>
  Packet& set(Field& field, Value v) {
    field = v;
    return *this;
  }
  enum class Transport { kNone, kRaw, kUdp, kTcp, kIcmp };
  struct ExtensionHeader {
    uint8_t type;
    Bytes bytes;
  };

  static Bytes filler(std::size_t length);
  Packet& icmp(uint8_t protocol, uint8_t type, uint8_t code, uint32_t rest);
  Bytes transport() const;
  Bytes header4(std::size_t payload_length) const;
  Bytes header6(std::size_t payload_length) const;
  uint16_t transport_checksum(const Bytes& transport) const;

  int family_;
  Bytes source_, destination_;
  uint8_t hop_limit_ = 64;
  uint8_t tos_ = 0;
  uint16_t id_ = 0;
  bool df_ = false;
  bool more_ = false;
  uint16_t offset_ = 0;
  uint16_t ip_xor_ = 0;
  uint32_t flow_label_ = 0;
  std::optional<uint16_t> ip_length_;
  Bytes options_;
  std::vector<ExtensionHeader> extensions_;

  Transport kind_ = Transport::kNone;
  uint8_t protocol_ = 59;
  std::optional<uint8_t> protocol_override_;
  Bytes l4_header_;  ///< without checksum and lengths, which transport() fills in
  Bytes payload_;
  uint8_t flags_ = 0x10;
  uint32_t seq_ = 1, ack_ = 0;
  uint16_t window_ = 0xffff;
  Bytes tcp_options_;
  uint16_t xor_ = 0;
  bool zero_checksum_ = false;
  std::optional<uint16_t> udp_length_;
};

inline Packet ip4(std::string_view source, std::string_view destination) {
  return {4, source, destination};
}
inline Packet ip6(std::string_view source, std::string_view destination) {
  return {6, source, destination};
}

/// An RFC 4884 extension structure with one MPLS label stack object (RFC 4950), checksum right.
Bytes mpls_extension(uint32_t label = 16);

/// An Ethernet frame around an IP packet, tagged if `vlan` is not 0. MACs as "02:00:00:00:00:01".
Bytes frame(const Bytes& packet, std::string_view destination, std::string_view source,
            uint16_t vlan = 0);

/// Internet checksum (RFC 1071) of `bytes`, starting from `sum`; byte by byte, slow and plain.
uint16_t plain_checksum(const Bytes& bytes, uint32_t sum = 0);

/// What is wrong with the lengths and checksums of `packet`, or "". Knows whole packets, without
/// fragmentation, of both families.
std::string faults(const Bytes& packet);

}  // namespace isthmus::test
