// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/reverse.h"

#include <string>

namespace isthmus::dns64 {
namespace {

constexpr std::size_t kNibbles = 32;
constexpr char kIp6Arpa[] = "\3ip6\4arpa";  // with the root as its terminating zero

int nibble_of(uint8_t c) {
  const uint8_t lower = to_lower(c);
  if (lower >= '0' && lower <= '9') return lower - '0';
  if (lower >= 'a' && lower <= 'f') return lower - 'a' + 10;
  return -1;
}

}  // namespace

std::optional<net::Ip6> address_of_reverse_name(const Name& name) {
  const Bytes wire = name.wire();
  const Bytes suffix(reinterpret_cast<const uint8_t*>(kIp6Arpa), sizeof kIp6Arpa);
  if (wire.size() != 2 * kNibbles + suffix.size() ||
      !equal_ignoring_case(wire.subspan(2 * kNibbles), suffix)) {
    return std::nullopt;
  }
  net::Ip6 address;
  for (std::size_t i = 0; i < kNibbles; ++i) {
    const int nibble = nibble_of(wire[2 * i + 1]);
    if (wire[2 * i] != 1 || nibble < 0) return std::nullopt;
    // The least significant nibble comes first.
    const std::size_t position = kNibbles - 1 - i;
    address.bytes[position / 2] |= static_cast<uint8_t>(position % 2 == 0 ? nibble << 4 : nibble);
  }
  return address;
}

Name reverse_name(net::Ip4 address) {
  Name name;
  for (unsigned shift = 0; shift < 32; shift += 8) {
    name.append_label(std::to_string(address.host() >> shift & 0xff));
  }
  name.append_label("in-addr");
  name.append_label("arpa");
  return name;
}

Name reverse_name(const net::Ip6& address) {
  return reverse_zone({address, 128});
}

Name reverse_zone(const net::Ip6Prefix& prefix) {
  constexpr char kDigits[] = "0123456789abcdef";
  Name name;
  for (std::size_t position = prefix.length / 4u; position-- > 0;) {
    const uint8_t byte = prefix.address.bytes[position / 2];
    const unsigned nibble = position % 2 == 0 ? byte >> 4 : byte & 15;
    name.append_label(std::string_view(&kDigits[nibble], 1));
  }
  name.append_label("ip6");
  name.append_label("arpa");
  return name;
}

}  // namespace isthmus::dns64
