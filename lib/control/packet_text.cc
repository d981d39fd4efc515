// SPDX-License-Identifier: BSD-3-Clause
#include "control/packet_text.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "net/checksum.h"
#include "net/parse.h"
#include "net/protocol.h"

namespace isthmus::control {
namespace {

constexpr unsigned kMostPayload = 9000;
constexpr const char* kUsage =
    "give \"udp SOURCE PORT DESTINATION PORT\", \"tcp SOURCE PORT DESTINATION PORT [flags SA]\" or "
    "\"icmp SOURCE DESTINATION\", or an IP packet's octets in hexadecimal";

struct Description {
  uint8_t protocol = 0;  ///< 1 for ICMP of either family
  std::variant<net::Ip4, net::Ip6> source, destination;
  uint16_t source_port = 0, destination_port = 0;
  uint16_t id = 1;
  uint8_t flags = net::kTcpSyn;
  uint8_t hops = 64;
  uint16_t size = 0;
  bool is_reply = false;

  bool is_v6() const { return source.index() == 1; }
};

std::optional<unsigned> number_up_to(std::string_view text, unsigned most) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > most) return std::nullopt;
  return value;
}

std::optional<std::variant<net::Ip4, net::Ip6>> read_address(std::string_view text) {
  if (const auto four = net::parse_ip4(text)) return *four;
  if (const auto six = net::parse_ip6(text)) return *six;
  return std::nullopt;
}

std::optional<uint8_t> read_flags(std::string_view letters) {
  constexpr std::string_view kLetters = "FSRPAU";  // in the order of their bits
  uint8_t flags = 0;
  for (const char letter : letters) {
    const auto at = kLetters.find(letter >= 'a' ? static_cast<char>(letter - 'a' + 'A') : letter);
    if (at == std::string_view::npos) return std::nullopt;
    flags = static_cast<uint8_t>(flags | 1u << at);
  }
  return flags;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : words_(split_words(text)) {}

  std::optional<Complaint> read(Description& out) {
    const auto protocol = next();
    out.protocol = protocol == "tcp" ? 6 : protocol == "udp" ? 17 : 1;
    if (auto wrong = end_point(out, out.source, out.source_port)) return wrong;
    if (auto wrong = end_point(out, out.destination, out.destination_port)) return wrong;
    if (out.source.index() != out.destination.index()) {
      return Complaint{"source and destination are of different families",
                       "write an IPv4 host that IPv6 hosts send to as they see it: "
                       "64:ff9b::192.0.2.1"};
    }
    while (at_ < words_.size()) {
      if (auto wrong = option(out)) return wrong;
    }
    return std::nullopt;
  }

 private:
  std::string_view next() { return at_ < words_.size() ? words_[at_++] : std::string_view(); }
  static Complaint wrong(std::string_view word, std::string_view what) {
    if (word.empty()) return {fmt::format("there is no {}", what), kUsage};
    return {fmt::format("\"{}\" is no {}", word.substr(0, 80), what), kUsage};
  }

  std::optional<Complaint> end_point(const Description& about,
                                     std::variant<net::Ip4, net::Ip6>& address, uint16_t& port) {
    const auto word = next();
    const auto parsed = read_address(word);
    if (!parsed) return wrong(word, "address");
    address = *parsed;
    if (about.protocol == 1) return std::nullopt;
    const auto digits = next();
    const auto number = number_up_to(digits, 65535);
    if (!number) return wrong(digits, "port");
    port = static_cast<uint16_t>(*number);
    return std::nullopt;
  }

  std::optional<Complaint> option(Description& out) {
    const auto word = next();
    if (word == "reply" && out.protocol == 1) {
      out.is_reply = true;
      return std::nullopt;
    }
    const auto value = next();
    if (word == "flags" && out.protocol == 6) {
      const auto flags = read_flags(value);
      if (!flags) return wrong(value, "set of TCP flags, like SA");
      out.flags = *flags;
      return std::nullopt;
    }
    const bool is_id = word == "id" && out.protocol == 1;
    if (word != "hops" && word != "size" && !is_id) return wrong(word, "word that can follow here");
    const auto number = number_up_to(value, is_id ? 65535 : word == "hops" ? 255 : kMostPayload);
    if (!number) return wrong(value, "number for it");
    if (is_id) out.id = static_cast<uint16_t>(*number);
    if (word == "hops") out.hops = static_cast<uint8_t>(*number);
    if (word == "size") out.size = static_cast<uint16_t>(*number);
    return std::nullopt;
  }

  std::vector<std::string_view> words_;
  std::size_t at_ = 0;
};

std::size_t header_size(const Description& d) {
  return d.protocol == 6 ? sizeof(net::TcpHeader) : sizeof(net::UdpHeader);  // as ICMP's
}

// Returns where the checksum stands.
net::Be16* write_transport(const Description& d, uint8_t* at) {
  if (d.protocol == 6) {
    auto* tcp = net::header_at<net::TcpHeader>(at);
    tcp->source_port = net::Be16(d.source_port);
    tcp->destination_port = net::Be16(d.destination_port);
    tcp->data_offset = sizeof *tcp / 4 << 4;
    tcp->flags = d.flags;
    tcp->window = net::Be16(0xffff);
    return &tcp->checksum;
  }
  if (d.protocol == 17) {
    auto* udp = net::header_at<net::UdpHeader>(at);
    udp->source_port = net::Be16(d.source_port);
    udp->destination_port = net::Be16(d.destination_port);
    udp->length = net::Be16(static_cast<uint16_t>(sizeof *udp + d.size));
    return &udp->checksum;
  }
  auto* icmp = net::header_at<net::IcmpHeader>(at);
  if (d.is_v6()) {
    icmp->type = d.is_reply ? net::kIcmp6EchoReply : net::kIcmp6Echo;
  } else {
    icmp->type = d.is_reply ? net::kIcmp4EchoReply : net::kIcmp4Echo;
  }
  icmp->echo.identifier = net::Be16(d.id);
  icmp->echo.sequence = net::Be16(1);
  return &icmp->checksum;
}

void fill_checksum(net::Be16* field, uint64_t pseudo, const uint8_t* from, std::size_t length,
                   bool udp) {
  *field = net::checksum_of(net::sum_bytes(from, length, pseudo));
  if (udp && field->raw() == 0) *field = net::Be16(0xffff);  // RFC 768
}

PacketBytes write6(const Description& d) {
  const auto length = static_cast<uint32_t>(header_size(d) + d.size);
  PacketBytes bytes(sizeof(net::Ip6Header) + length);
  auto* ip = net::header_at<net::Ip6Header>(bytes.data());
  ip->version_class_flow = net::Be32(0x60000000);
  ip->payload_length = net::Be16(static_cast<uint16_t>(length));
  ip->next_header = d.protocol == 1 ? uint8_t{net::kProtoIcmp6} : d.protocol;
  ip->hop_limit = d.hops;
  ip->source = std::get<net::Ip6>(d.source);
  ip->destination = std::get<net::Ip6>(d.destination);
  uint8_t* body = bytes.data() + sizeof *ip;
  auto* checksum = write_transport(d, body);
  fill_checksum(checksum, net::pseudo_sum6(ip->source, ip->destination, ip->next_header, length),
                body, length, d.protocol == 17);
  return bytes;
}

PacketBytes write4(const Description& d) {
  const auto length = static_cast<uint32_t>(header_size(d) + d.size);
  PacketBytes bytes(sizeof(net::Ip4Header) + length);
  auto* ip = net::header_at<net::Ip4Header>(bytes.data());
  ip->version_ihl = 0x45;
  ip->total_length = net::Be16(static_cast<uint16_t>(bytes.size()));
  ip->flags_offset = net::Be16(net::kIp4DontFragment);
  ip->ttl = d.hops;
  ip->protocol = d.protocol;
  ip->source = std::get<net::Ip4>(d.source);
  ip->destination = std::get<net::Ip4>(d.destination);
  ip->checksum = net::checksum_of(net::sum_bytes(ip, sizeof *ip));
  uint8_t* body = bytes.data() + sizeof *ip;
  auto* checksum = write_transport(d, body);
  const uint64_t pseudo =
      d.protocol == 1 ? 0 : net::pseudo_sum4(ip->source, ip->destination, d.protocol, length);
  fill_checksum(checksum, pseudo, body, length, d.protocol == 17);
  return bytes;
}

std::variant<PacketBytes, Complaint> read_hex(std::string_view text) {
  const Complaint wrong{"that is neither a described packet nor one in hexadecimal", kUsage};
  PacketBytes bytes;
  std::string digits;
  for (const auto word : split_words(text)) {
    for (const char c : word.starts_with("0x") ? word.substr(2) : word) {
      if (c == ':') continue;
      if (std::string_view("0123456789abcdefABCDEF").find(c) == std::string_view::npos) {
        return wrong;
      }
      digits += c;
    }
  }
  if (digits.empty() || digits.size() % 2 != 0) return wrong;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    uint8_t byte = 0;
    std::from_chars(&digits[i], &digits[i] + 2, byte, 16);
    bytes.push_back(byte);
  }
  return bytes;
}

}  // namespace

std::variant<PacketBytes, Complaint> parse_packet(std::string_view text) {
  const auto words = split_words(text);
  if (words.empty()) return Complaint{"there is no packet", kUsage};
  if (words[0] != "udp" && words[0] != "tcp" && words[0] != "icmp") return read_hex(text);
  Description description;
  if (auto wrong = Reader(text).read(description)) return *wrong;
  return description.is_v6() ? write6(description) : write4(description);
}

std::string describe_packet(const PacketBytes& packet) {
  PacketBytes copy = packet;
  net::PacketBuf buf{copy.data(), static_cast<uint32_t>(copy.size()), 0, 0};
  net::PacketView view;
  if (copy.empty() || net::parse_ip(buf, view) != net::DropReason::kNone) {
    return fmt::format("{} octets that are no IP packet", packet.size());
  }
  const bool v6 = view.family == 6;
  const auto* six = net::header_at<net::Ip6Header>(copy.data());
  const auto* four = net::header_at<net::Ip4Header>(copy.data());
  const auto source = v6 ? net::to_string(six->source) : net::to_string(four->source);
  const auto destination =
      v6 ? net::to_string(six->destination) : net::to_string(four->destination);
  const bool ports = view.payload == net::Payload::kTcp || view.payload == net::Payload::kUdp;
  std::string out =
      ports ? fmt::format("{} {} {} > {} {}", net::protocol_text(view.protocol), source,
                          view.source_port.host(), destination, view.destination_port.host())
            : fmt::format(
                  "{} {} > {}",
                  view.protocol == net::kProtoIcmp6 ? "icmpv6" : net::protocol_text(view.protocol),
                  source, destination);
  if (view.payload == net::Payload::kIcmpQuery) {
    out += fmt::format(" id {}", view.source_port.host());
  } else if (view.payload == net::Payload::kIcmpError || view.payload == net::Payload::kIcmpOther) {
    out += fmt::format(" type {} code {}", view.icmp_type, view.icmp_code);
  }
  if (view.is_fragment()) out += fmt::format(", fragment at {}", view.fragment_offset);
  return out + fmt::format(", {} {}, {} octets", v6 ? "hop limit" : "TTL",
                           v6 ? six->hop_limit : four->ttl, view.total_length);
}

}  // namespace isthmus::control
