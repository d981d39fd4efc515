// SPDX-License-Identifier: BSD-3-Clause
#include "packets/builder.h"

#include <arpa/inet.h>

#include <cstdio>
#include <stdexcept>

namespace isthmus::test {
namespace {

void put8(Bytes& out, unsigned v) {
  out.push_back(static_cast<uint8_t>(v));
}
void put16(Bytes& out, unsigned v) {
  put8(out, v >> 8);
  put8(out, v & 0xff);
}
void put32(Bytes& out, uint32_t v) {
  put16(out, v >> 16);
  put16(out, v & 0xffff);
}
void put(Bytes& out, const Bytes& bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}
void store16(Bytes& out, std::size_t at, unsigned v) {
  out.at(at) = static_cast<uint8_t>(v >> 8);
  out.at(at + 1) = static_cast<uint8_t>(v);
}

Bytes address(int family, std::string_view text) {
  Bytes out(family == 4 ? 4 : 16);
  if (inet_pton(family == 4 ? AF_INET : AF_INET6, std::string(text).c_str(), out.data()) != 1) {
    throw std::invalid_argument("not an address: " + std::string(text));
  }
  return out;
}

Bytes mac(std::string_view text) {
  Bytes out = hex([&] {
    std::string digits;
    for (const char c : text) {
      if (c != ':') digits += c;
    }
    return digits;
  }());
  if (out.size() != 6) throw std::invalid_argument("not a MAC address: " + std::string(text));
  return out;
}

}  // namespace

Bytes hex(std::string_view digits) {
  std::string packed;
  for (const char c : digits) {
    if (c != ' ' && c != '\n') packed += c;
  }
  Bytes out;
  for (std::size_t i = 0; i + 1 < packed.size(); i += 2) {
    out.push_back(static_cast<uint8_t>(std::stoul(packed.substr(i, 2), nullptr, 16)));
  }
  return out;
}

Bytes pattern(std::size_t size, uint8_t first) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<uint8_t>(first + i + i / 251);
  return out;
}

Bytes operator+(Bytes a, const Bytes& b) {
  put(a, b);
  return a;
}

uint16_t plain_checksum(const Bytes& bytes, uint32_t sum) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? bytes[i] * 256u : bytes[i];
    sum = (sum & 0xffff) + (sum >> 16);
  }
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

Packet::Packet(int family, std::string_view source, std::string_view destination)
    : family_(family),
      source_(address(family, source)),
      destination_(address(family, destination)) {}

Packet& Packet::fragment(uint16_t offset, bool more, uint32_t id) {
  if (family_ == 4) {
    offset_ = offset;
    more_ = more;
    id_ = static_cast<uint16_t>(id);
    return *this;
  }
  Bytes header{0, 0};
  put16(header, (offset & 0xfff8u) | (more ? 1 : 0));
  put32(header, id);
  return extension_header(44, header);
}

Packet& Packet::options4(const Bytes& bytes) {
  options_ = bytes;
  options_.resize((bytes.size() + 3) / 4 * 4);
  return *this;
}

// A header of `length` bytes filled by one PadN option.
Bytes Packet::filler(std::size_t length) {
  Bytes out(length);
  out.at(1) = static_cast<uint8_t>(length / 8 - 1);
  out.at(2) = 1;
  out.at(3) = static_cast<uint8_t>(length - 4);
  return out;
}

Packet& Packet::routing(uint8_t segments_left, uint8_t addresses) {
  Bytes header(8 + 16u * addresses);
  header[1] = static_cast<uint8_t>(2 * addresses);
  header[3] = segments_left;
  return extension_header(43, header);
}

Packet& Packet::extension_header(uint8_t type, const Bytes& bytes) {
  extensions_.push_back({type, bytes});
  return *this;
}

Packet& Packet::udp(uint16_t source, uint16_t destination) {
  kind_ = Transport::kUdp;
  protocol_ = 17;
  l4_header_.clear();
  put16(l4_header_, source);
  put16(l4_header_, destination);
  put32(l4_header_, 0);
  return *this;
}

Packet& Packet::tcp(uint16_t source, uint16_t destination) {
  kind_ = Transport::kTcp;
  protocol_ = 6;
  l4_header_.clear();
  put16(l4_header_, source);
  put16(l4_header_, destination);
  return *this;
}

Packet& Packet::icmp(uint8_t protocol, uint8_t type, uint8_t code, uint32_t rest) {
  kind_ = Transport::kIcmp;
  protocol_ = protocol;
  l4_header_ = {type, code, 0, 0};
  put32(l4_header_, rest);
  return *this;
}
Packet& Packet::icmp4(uint8_t type, uint8_t code, uint32_t rest) {
  return icmp(1, type, code, rest);
}
Packet& Packet::icmp6(uint8_t type, uint8_t code, uint32_t rest) {
  return icmp(58, type, code, rest);
}
Packet& Packet::icmp_echo(uint16_t id, uint16_t sequence) {
  const uint32_t rest = uint32_t{id} << 16 | sequence;
  return family_ == 4 ? icmp4(8, 0, rest) : icmp6(128, 0, rest);
}
Packet& Packet::icmp_echo_reply(uint16_t id, uint16_t sequence) {
  const uint32_t rest = uint32_t{id} << 16 | sequence;
  return family_ == 4 ? icmp4(0, 0, rest) : icmp6(129, 0, rest);
}

Packet& Packet::raw(uint8_t protocol, const Bytes& bytes) {
  kind_ = Transport::kRaw;
  protocol_ = protocol;
  l4_header_ = bytes;
  return *this;
}

Packet& Packet::payload(const Bytes& bytes) {
  payload_ = bytes;
  return *this;
}

Packet& Packet::flags(std::string_view letters) {
  flags_ = 0;
  for (const char c : letters) {
    const auto bit = std::string_view("FSRPAUEC").find(c);
    if (bit == std::string_view::npos) throw std::invalid_argument("no such TCP flag");
    flags_ = static_cast<uint8_t>(flags_ | 1u << bit);
  }
  return *this;
}

Packet& Packet::tcp_options(const Bytes& bytes) {
  tcp_options_ = bytes;
  return *this;
}

Packet& Packet::quote(const Bytes& packet, std::size_t limit) {
  payload_ = packet;
  if (payload_.size() > limit) payload_.resize(limit);
  return *this;
}

Packet& Packet::extension(const Bytes& structure, std::size_t pad_to) {
  const std::size_t unit = protocol_ == 1 ? 4 : 8;
  std::size_t size = payload_.size() < pad_to ? pad_to : payload_.size();
  size = (size + unit - 1) / unit * unit;
  payload_.resize(size);
  l4_header_.at(protocol_ == 1 ? 5 : 4) = static_cast<uint8_t>(size / unit);
  put(payload_, structure);
  return *this;
}

uint16_t Packet::transport_checksum(const Bytes& transport) const {
  Bytes pseudo;
  if (protocol_ != 1) {  // ICMPv4 alone has no pseudo-header
    put(pseudo, source_);
    put(pseudo, destination_);
    put32(pseudo, static_cast<uint32_t>(transport.size()));
    put32(pseudo, protocol_);
  }
  return plain_checksum(pseudo + transport);
}

Bytes Packet::transport() const {
  Bytes out = l4_header_;
  std::size_t checksum_at = 0;
  switch (kind_) {
    case Transport::kNone: return payload_;
    case Transport::kRaw: return out + payload_;
    case Transport::kUdp:
      store16(out, 4, udp_length_.value_or(static_cast<uint16_t>(8 + payload_.size())));
      checksum_at = 6;
      break;
    case Transport::kTcp:
      put32(out, seq_);
      put32(out, ack_);
      put8(out, static_cast<unsigned>((20 + tcp_options_.size()) / 4) << 4);
      put8(out, flags_);
      put16(out, window_);
      put32(out, 0);  // checksum and urgent pointer
      put(out, tcp_options_);
      checksum_at = 16;
      break;
    case Transport::kIcmp: checksum_at = 2; break;
  }
  put(out, payload_);
  if (zero_checksum_) return out;
  unsigned checksum = transport_checksum(out);
  if (kind_ == Transport::kUdp && checksum == 0) checksum = 0xffff;
  store16(out, checksum_at, checksum ^ xor_);
  return out;
}

Bytes Packet::header4(std::size_t payload_length) const {
  Bytes out;
  const std::size_t header_length = 20 + options_.size();
  put8(out, static_cast<unsigned>(0x40 | header_length / 4));
  put8(out, tos_);
  put16(out, ip_length_.value_or(static_cast<uint16_t>(header_length + payload_length)));
  put16(out, id_);
  put16(out, (df_ ? 0x4000u : 0u) | (more_ ? 0x2000u : 0u) | offset_ / 8u);
  put8(out, hop_limit_);
  put8(out, protocol_override_.value_or(protocol_));
  put16(out, 0);
  put(out, source_);
  put(out, destination_);
  put(out, options_);
  store16(out, 10, plain_checksum(out) ^ ip_xor_);
  return out;
}

Bytes Packet::header6(std::size_t payload_length) const {
  Bytes extensions;
  uint8_t first = protocol_override_.value_or(protocol_);
  for (std::size_t i = extensions_.size(); i-- > 0;) {
    Bytes one = extensions_[i].bytes;
    one.at(0) = first;
    first = extensions_[i].type;
    extensions = one + extensions;
  }
  Bytes out;
  put32(out, 6u << 28 | uint32_t{tos_} << 20 | flow_label_);
  put16(out, ip_length_.value_or(static_cast<uint16_t>(extensions.size() + payload_length)));
  put8(out, first);
  put8(out, hop_limit_);
  put(out, source_);
  put(out, destination_);
  put(out, extensions);
  return out;
}

Bytes Packet::bytes() const {
  const Bytes l4 = transport();
  return (family_ == 4 ? header4(l4.size()) : header6(l4.size())) + l4;
}

Bytes Packet::slice(std::size_t offset, std::size_t length, uint32_t id) const {
  const Bytes l4 = transport();
  const bool more = offset + length < l4.size();
  const std::size_t end = more ? offset + length : l4.size();
  Packet part = *this;
  part.fragment(static_cast<uint16_t>(offset), more, id);
  part.raw(protocol_,
           Bytes(l4.begin() + static_cast<long>(offset), l4.begin() + static_cast<long>(end)));
  part.payload_.clear();
  return part.bytes();
}

Bytes mpls_extension(uint32_t label) {
  Bytes out = hex("20 00 00 00 00 08 01 01");
  put32(out, label << 12 | 0x1ff);
  store16(out, 2, plain_checksum(out));
  return out;
}

Bytes frame(const Bytes& packet, std::string_view destination, std::string_view source,
            uint16_t vlan) {
  Bytes out = mac(destination) + mac(source);
  if (vlan != 0) {
    put16(out, 0x8100);
    put16(out, vlan);
  }
  put16(out, !packet.empty() && packet[0] >> 4 == 4 ? 0x0800 : 0x86dd);
  return out + packet;
}

}  // namespace isthmus::test
