// SPDX-License-Identifier: BSD-3-Clause
#include "conf/codec.h"

#include <algorithm>
#include <charconv>

#include "net/protocol.h"

namespace isthmus::conf {
namespace {

std::optional<unsigned> parse_number(std::string_view text, unsigned max) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value > max) {
    return std::nullopt;
  }
  return value;
}

template <class... T>
std::string print_any(const std::variant<T...>& value) {
  return std::visit([](const auto& v) { return net::to_string(v); }, value);
}

// Why a protocol cannot be bound by its addresses alone; empty: it can.
std::string_view unfit_without_ports(uint8_t protocol) {
  constexpr uint8_t kDccp = 33, kOspf = 89, kPim = 103, kVrrp = 112, kUdpLite = 136;
  constexpr uint8_t kMobility = 135, kHip = 139, kShim6 = 140, kReserved = 255;
  if (net::has_ports(protocol)) return "TCP, UDP and ICMP are translated by their ports already";
  switch (protocol) {
    case net::kProtoAh: return "AH signs the addresses, which translation changes";
    case net::kProtoIgmp:
    case kReserved: return "this one is never sent to a host behind a translator";
    case net::kProtoNoNext:
    case kMobility:
    case kHip:
    case kShim6: return "this one is an IPv6 extension header";
    case kDccp:
    case kOspf:
    case kPim:
    case kVrrp:
    case kUdpLite:
      return "the checksum of this one covers the addresses, which translation changes";
    default: break;
  }
  return net::is_extension_header(protocol) ? "this one is an IPv6 extension header" : "";
}

}  // namespace

Checked read_integer(const Node& node, const Range& range, const std::string& path, int64_t& out) {
  if (node.kind != Node::Kind::kInteger || node.integer < range.min || node.integer > range.max) {
    return wrong(node, path, fmt::format("an integer from {} to {}", range.min, range.max));
  }
  out = node.integer;
  return std::nullopt;
}

Checked read_string(const Node& node, const Range& range, const std::string& path,
                    std::string& out) {
  const auto expected = [&] {
    return fmt::format("a string of {} to {} printable characters", range.min, range.max);
  };
  if (node.kind != Node::Kind::kString) return wrong(node, path, expected());
  const auto size = static_cast<int64_t>(node.text.size());
  if (size < range.min || size > range.max) return wrong(node, path, expected());
  for (const char c : node.text) {
    if (c < 0x20 || c == 0x7f) return wrong(node, path, expected());  // also non-ASCII
  }
  out = node.text;
  return std::nullopt;
}

Result<Address> TextCodec<Address>::parse(std::string_view text) {
  if (const auto v4 = net::parse_ip4(text)) return Address{*v4};
  if (const auto v6 = net::parse_ip6(text)) return Address{*v6};
  return Error{"an IPv4 or IPv6 address"};
}
std::string TextCodec<Address>::print(const Address& value) {
  return print_any(value);
}

Result<net::Ip4> TextCodec<net::Ip4>::parse(std::string_view text) {
  if (const auto address = net::parse_ip4(text)) return *address;
  return Error{"an IPv4 address"};
}
std::string TextCodec<net::Ip4>::print(const net::Ip4& value) {
  return net::to_string(value);
}

Result<net::Ip6> TextCodec<net::Ip6>::parse(std::string_view text) {
  if (const auto address = net::parse_ip6(text)) return *address;
  return Error{"an IPv6 address"};
}
std::string TextCodec<net::Ip6>::print(const net::Ip6& value) {
  return net::to_string(value);
}

Result<net::Ip4Prefix> TextCodec<net::Ip4Prefix>::parse(std::string_view text) {
  if (const auto prefix = net::parse_ip4_prefix(text)) return *prefix;
  return Error{"an IPv4 prefix like \"192.0.2.0/24\", no bit set beyond its length"};
}
std::string TextCodec<net::Ip4Prefix>::print(const net::Ip4Prefix& value) {
  return net::to_string(value);
}

Result<net::Ip6Prefix> TextCodec<net::Ip6Prefix>::parse(std::string_view text) {
  if (const auto prefix = net::parse_ip6_prefix(text)) return *prefix;
  return Error{"an IPv6 prefix like \"2001:db8::/32\", no bit set beyond its length"};
}
std::string TextCodec<net::Ip6Prefix>::print(const net::Ip6Prefix& value) {
  return net::to_string(value);
}

Result<AnyPrefix> TextCodec<AnyPrefix>::parse(std::string_view text) {
  if (const auto v4 = net::parse_ip4_prefix(text)) return AnyPrefix{*v4};
  if (const auto v6 = net::parse_ip6_prefix(text)) return AnyPrefix{*v6};
  return Error{"an IPv4 or IPv6 prefix like \"0.0.0.0/0\", no bit set beyond its length"};
}
std::string TextCodec<AnyPrefix>::print(const AnyPrefix& value) {
  return print_any(value);
}

Result<net::Prefix6052> TextCodec<net::Prefix6052>::parse(std::string_view text) {
  const auto prefix = net::parse_ip6_prefix(text);
  if (prefix) {
    if (const auto made = net::Prefix6052::make(*prefix)) return *made;
    if (prefix->length == 96 && prefix->address.bytes[8] != 0) {
      // RFC 6052 2.2: "bits 64 to 71 of the address ... MUST be set to zero".
      return Error{"an IPv6 prefix whose bits 64 to 71 are zero (RFC 6052 2.2)"};
    }
  }
  return Error{"an IPv6 prefix of length 32, 40, 48, 56, 64 or 96 (RFC 6052 2.2)"};
}
std::string TextCodec<net::Prefix6052>::print(const net::Prefix6052& value) {
  return net::to_string(value.prefix());
}

Result<InterfaceAddress> TextCodec<InterfaceAddress>::parse(std::string_view text) {
  const Error expected{"an address with prefix length like \"192.0.2.1/24\" or \"2001:db8::1/64\""};
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return expected;
  const auto address = TextCodec<Address>::parse(text.substr(0, slash));
  if (!address) return expected;
  const auto length = parse_number(text.substr(slash + 1), address->index() == 0 ? 32 : 128);
  if (!length || *length == 0) return expected;
  return InterfaceAddress{*address, static_cast<uint8_t>(*length)};
}
std::string TextCodec<InterfaceAddress>::print(const InterfaceAddress& value) {
  return fmt::format("{}/{}", print_any(value.address), value.length);
}

Result<AddressRange> TextCodec<AddressRange>::parse(std::string_view text) {
  if (const auto one = net::parse_ip4(text)) return AddressRange{*one, *one};
  if (const auto prefix = net::parse_ip4_prefix(text)) {
    const uint32_t first = prefix->address.host();
    return AddressRange{prefix->address, net::Ip4::from_host(first | ~prefix->mask())};
  }
  if (const auto dash = text.find('-'); dash != std::string_view::npos) {
    const auto first = net::parse_ip4(text.substr(0, dash));
    const auto last = net::parse_ip4(text.substr(dash + 1));
    if (first && last && *last < *first) {
      return Error{"a range whose first address is not above its last"};
    }
    if (first && last) return AddressRange{*first, *last};
  }
  return Error{
      "IPv4 addresses as \"203.0.113.0/28\", \"203.0.113.20-203.0.113.30\" or \"203.0.113.40\""};
}
std::string TextCodec<AddressRange>::print(const AddressRange& value) {
  if (value.first == value.last) return net::to_string(value.first);
  return net::to_string(value.first) + '-' + net::to_string(value.last);
}

Result<PortlessProtocol> TextCodec<PortlessProtocol>::parse(std::string_view text) {
  const std::string expected = "a protocol without ports like \"esp\", \"gre\", \"sctp\" or \"41\"";
  const auto number = net::parse_protocol(text);
  if (!number) return Error{expected};
  const auto problem = unfit_without_ports(*number);
  if (!problem.empty()) return Error{fmt::format("{}: {}", expected, problem)};
  return PortlessProtocol{*number};
}
std::string TextCodec<PortlessProtocol>::print(const PortlessProtocol& value) {
  return net::protocol_text(value.number);
}

namespace {

constexpr uint16_t kDnsPort = 53;
constexpr uint16_t kTlsPort = 853;  // RFC 7858 3.1
constexpr std::string_view kTcpScheme = "tcp://";
constexpr std::string_view kTlsScheme = "tls://";

/// RFC 1123 2.1: letters, digits and hyphens; a name that a certificate can hold.
bool is_host_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  };
  return !name.empty() && name.size() <= 253 && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), fits);
}

uint16_t default_port(DnsTransport transport) {
  return transport == DnsTransport::kTls ? kTlsPort : kDnsPort;
}

/// Takes transport and name off `text`; false if they do not go together.
bool take_transport(std::string_view& text, Endpoint& endpoint) {
  if (text.starts_with(kTcpScheme)) {
    endpoint.transport = DnsTransport::kTcp;
    text.remove_prefix(kTcpScheme.size());
  } else if (text.starts_with(kTlsScheme)) {
    endpoint.transport = DnsTransport::kTls;
    text.remove_prefix(kTlsScheme.size());
  }
  endpoint.port = default_port(endpoint.transport);
  const auto hash = text.find('#');
  if (hash == std::string_view::npos) return true;
  endpoint.tls_name = text.substr(hash + 1);
  text = text.substr(0, hash);
  return endpoint.transport == DnsTransport::kTls && is_host_name(endpoint.tls_name);
}

}  // namespace

Result<Endpoint> TextCodec<Endpoint>::parse(std::string_view text) {
  const Error expected{
      "an address and optional port like \"192.0.2.53\", \"192.0.2.53:5353\" or "
      "\"[2001:db8::53]:53\"; for TCP or TLS like \"tcp://192.0.2.53\" or "
      "\"tls://192.0.2.53#dns.example\""};
  Endpoint endpoint;
  if (!take_transport(text, endpoint)) return expected;
  std::string_view address = text;
  std::string_view port;
  const auto colon = text.rfind(':');
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return expected;
    address = text.substr(1, close - 1);
    if (!net::parse_ip6(address)) return expected;
    if (close + 1 < text.size()) {
      if (text[close + 1] != ':') return expected;
      port = text.substr(close + 2);
      if (port.empty()) return expected;
    }
  } else if (colon != std::string_view::npos && text.find(':') == colon) {
    address = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (port.empty()) return expected;
  }
  const auto parsed = TextCodec<Address>::parse(address);
  if (!parsed) return expected;
  endpoint.address = *parsed;
  if (!port.empty()) {
    const auto number = parse_number(port, 65535);
    if (!number || *number == 0) return expected;
    endpoint.port = static_cast<uint16_t>(*number);
  }
  return endpoint;
}
std::string TextCodec<Endpoint>::print(const Endpoint& value) {
  constexpr std::string_view kSchemes[] = {"", kTcpScheme, kTlsScheme};
  const auto address = print_any(value.address);
  return fmt::format("{}{}:{}{}{}", kSchemes[static_cast<std::size_t>(value.transport)],
                     value.address.index() == 1 ? '[' + address + ']' : address, value.port,
                     value.tls_name.empty() ? "" : "#", value.tls_name);
}

}  // namespace isthmus::conf
