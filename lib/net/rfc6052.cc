// SPDX-License-Identifier: BSD-3-Clause
#include "net/rfc6052.h"

namespace isthmus::net {
namespace {

constexpr uint8_t kOctetU = 8;  // bits 64-71 stay zero (RFC 6052 2.2)

constexpr Ip6Prefix kWellKnown{{{0x00, 0x64, 0xff, 0x9b}}, 96};

constexpr Ip4Prefix net4(uint8_t a, uint8_t b, uint8_t c, uint8_t length) {
  return {Ip4::from_host(uint32_t{a} << 24 | uint32_t{b} << 16 | uint32_t{c} << 8), length};
}

constexpr Ip4Prefix kNonGlobal[] = {
    net4(0, 0, 0, 8),      net4(10, 0, 0, 8),    net4(100, 64, 0, 10),   net4(127, 0, 0, 8),
    net4(169, 254, 0, 16), net4(172, 16, 0, 12), net4(192, 0, 0, 24),    net4(192, 0, 2, 24),
    net4(192, 168, 0, 16), net4(198, 18, 0, 15), net4(198, 51, 100, 24), net4(203, 0, 113, 24),
    net4(224, 0, 0, 4),    net4(240, 0, 0, 4),
};

// First octets under which a non-global prefix lies, so that most addresses need one look.
constexpr std::array<bool, 256> first_octets() {
  std::array<bool, 256> out{};
  for (const auto& prefix : kNonGlobal) {
    const uint32_t first = prefix.address.host() >> 24;
    const uint32_t count = prefix.length >= 8 ? 1 : 1u << (8 - prefix.length);
    for (uint32_t i = 0; i < count; ++i) out[first + i] = true;
  }
  return out;
}
constexpr auto kSuspect = first_octets();

}  // namespace

Prefix6052::Prefix6052(const Ip6Prefix& prefix) : prefix_(prefix) {
  const Ip6 ones{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
  mask_high_ = prefix_of(ones, prefix.length < 64 ? prefix.length : 64).address.raw_high();
  well_known_ = prefix == kWellKnown;
}

Prefix6052 Prefix6052::well_known() {
  return Prefix6052(kWellKnown);
}

std::optional<Prefix6052> Prefix6052::make(const Ip6Prefix& prefix) {
  switch (prefix.length) {
    case 32:
    case 40:
    case 48:
    case 56:
    case 64: break;
    case 96:
      if (prefix.address.bytes[kOctetU] != 0) return std::nullopt;
      break;
    default: return std::nullopt;
  }
  return Prefix6052(prefix);
}

Ip6 Prefix6052::embed_around_u(Ip4 address) const {
  Ip6 out = prefix_.address;
  uint8_t octets[4];
  std::memcpy(octets, &address, 4);
  std::size_t at = prefix_.length / 8u;
  for (const uint8_t octet : octets) {
    if (at == kOctetU) ++at;
    out.bytes[at++] = octet;
  }
  return out;
}

Ip4 Prefix6052::extract_around_u(const Ip6& address) const {
  uint8_t octets[4];
  std::size_t at = prefix_.length / 8u;
  for (uint8_t& octet : octets) {
    if (at == kOctetU) ++at;
    octet = address.bytes[at++];
  }
  Ip4 out;
  std::memcpy(&out, octets, 4);
  return out;
}

bool may_be_non_global(Ip4 address) {
  return kSuspect[address.host() >> 24];
}

bool is_non_global(Ip4 address) {
  if (!may_be_non_global(address)) return false;
  for (const auto& prefix : kNonGlobal) {
    if (prefix.contains(address)) return true;
  }
  return false;
}

}  // namespace isthmus::net
