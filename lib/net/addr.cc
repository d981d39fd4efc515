// SPDX-License-Identifier: BSD-3-Clause
#include "net/addr.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstdio>

namespace isthmus::net {
namespace {

template <class Address>
std::optional<Address> parse_address(int family, std::string_view text) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof buffer) return std::nullopt;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  // inet_pton stops at the first NUL; a NUL inside the text must not hide what follows it.
  if (std::strlen(buffer) != text.size()) return std::nullopt;
  Address address;
  if (inet_pton(family, buffer, &address) != 1) return std::nullopt;
  return address;
}

struct SplitPrefix {
  std::string_view address;
  uint8_t length;
};

std::optional<SplitPrefix> split_prefix(std::string_view text, unsigned max_length) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc{} || end != digits.data() + digits.size() || length > max_length) {
    return std::nullopt;
  }
  return SplitPrefix{text.substr(0, slash), static_cast<uint8_t>(length)};
}

}  // namespace

bool Ip6Prefix::contains(const Ip6& a) const {
  return prefix_of(a, length).address == address;
}

Ip6Prefix prefix_of(const Ip6& address, uint8_t length) {
  Ip6Prefix prefix{address, length};
  for (unsigned i = 0; i < 16; ++i) {
    const unsigned first_bit = i * 8;
    if (first_bit >= length) {
      prefix.address.bytes[i] = 0;
    } else if (first_bit + 8 > length) {
      prefix.address.bytes[i] &= static_cast<uint8_t>(0xff << (first_bit + 8 - length));
    }
  }
  return prefix;
}

std::optional<Ip4> parse_ip4(std::string_view text) {
  return parse_address<Ip4>(AF_INET, text);
}
std::optional<Ip6> parse_ip6(std::string_view text) {
  return parse_address<Ip6>(AF_INET6, text);
}

std::optional<Ip4Prefix> parse_ip4_prefix(std::string_view text) {
  const auto split = split_prefix(text, 32);
  if (!split) return std::nullopt;
  const auto address = parse_ip4(split->address);
  if (!address) return std::nullopt;
  const Ip4Prefix prefix{*address, split->length};
  if (!prefix.contains(*address)) return std::nullopt;
  return prefix;
}

std::optional<Ip6Prefix> parse_ip6_prefix(std::string_view text) {
  const auto split = split_prefix(text, 128);
  if (!split) return std::nullopt;
  const auto address = parse_ip6(split->address);
  if (!address) return std::nullopt;
  const Ip6Prefix prefix{*address, split->length};
  if (!prefix.contains(*address)) return std::nullopt;
  return prefix;
}

std::optional<Mac> parse_mac(std::string_view text) {
  if (text.size() != 17) return std::nullopt;
  Mac mac;
  for (std::size_t i = 0; i < 6; ++i) {
    const char* digits = text.data() + i * 3;
    if (i > 0 && digits[-1] != ':') return std::nullopt;
    const auto [end, error] = std::from_chars(digits, digits + 2, mac.bytes[i], 16);
    if (error != std::errc{} || end != digits + 2) return std::nullopt;
  }
  return mac;
}

std::string to_string(Ip4 address) {
  char buffer[INET_ADDRSTRLEN];
  return inet_ntop(AF_INET, &address, buffer, sizeof buffer);
}

std::string to_string(const Ip6& address) {
  char buffer[INET6_ADDRSTRLEN];
  return inet_ntop(AF_INET6, &address, buffer, sizeof buffer);
}

std::string to_string(const Ip4Prefix& prefix) {
  return to_string(prefix.address) + '/' + std::to_string(prefix.length);
}

std::string to_string(const Ip6Prefix& prefix) {
  return to_string(prefix.address) + '/' + std::to_string(prefix.length);
}

std::string to_string(const Mac& mac) {
  char buffer[18];
  const auto& b = mac.bytes;
  std::snprintf(buffer, sizeof buffer, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3],
                b[4], b[5]);
  return buffer;
}

}  // namespace isthmus::net
