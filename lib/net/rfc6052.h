// SPDX-License-Identifier: BSD-3-Clause
// IPv4-embedded IPv6 addresses (RFC 6052 2.2).
#pragma once

#include <cstdint>
#include <optional>

#include "net/addr.h"

namespace isthmus::net {

/// A translation prefix: length 32, 40, 48, 56, 64 or 96, bits 64-71 zero. Made only by make(), so
/// that embed() and extract() need no checks.
class Prefix6052 {
 public:
  /// 64:ff9b::/96, the well-known prefix (RFC 6052 2.1).
  static Prefix6052 well_known();
  /// nullopt when RFC 6052 2.2 does not allow `prefix`.
  static std::optional<Prefix6052> make(const Ip6Prefix& prefix);

  const Ip6Prefix& prefix() const { return prefix_; }
  bool is_well_known() const { return well_known_; }

  bool contains(const Ip6& address) const {
    if (prefix_.length == 96) {
      return address.raw_high() == prefix_.address.raw_high() &&
             static_cast<uint32_t>(address.raw_low()) ==
                 static_cast<uint32_t>(prefix_.address.raw_low());
    }
    return ((address.raw_high() ^ prefix_.address.raw_high()) & mask_high_) == 0;
  }

  /// The IPv6 address for `address`; the suffix is zero.
  Ip6 embed(Ip4 address) const {
    Ip6 out = prefix_.address;
    if (prefix_.length == 96) {
      std::memcpy(out.bytes.data() + 12, &address, 4);
      return out;
    }
    return embed_around_u(address);
  }

  /// embed(), straight into a packet.
  void embed(Ip4 address, uint8_t* at) const {
    std::memcpy(at, &prefix_.address, sizeof prefix_.address);
    if (prefix_.length == 96) {
      std::memcpy(at + 12, &address, sizeof address);
    } else {
      const Ip6 out = embed_around_u(address);
      std::memcpy(at, &out, sizeof out);
    }
  }

  /// The IPv4 address inside `address`; bits 64-71 and the suffix are ignored (RFC 6052 2.2: "on
  /// receipt ... ignored"). Meaningful only if contains(address).
  Ip4 extract(const Ip6& address) const {
    if (prefix_.length == 96) {
      Ip4 out;
      std::memcpy(&out, address.bytes.data() + 12, 4);
      return out;
    }
    return extract_around_u(address);
  }

  friend bool operator==(const Prefix6052& a, const Prefix6052& b) {
    return a.prefix_ == b.prefix_;
  }

 private:
  explicit Prefix6052(const Ip6Prefix& prefix);
  Ip6 embed_around_u(Ip4 address) const;
  Ip4 extract_around_u(const Ip6& address) const;

  Ip6Prefix prefix_;
  uint64_t mask_high_ = 0;
  bool well_known_ = false;
};

/// Whether `address` is outside the global unicast space, so that the well-known prefix must not
/// carry it (RFC 6052 3.1; the list is that of RFC 6890 and its predecessors).
bool is_non_global(Ip4 address);
/// Whether such addresses lie under the first octet of this one.
bool may_be_non_global(Ip4 address);

}  // namespace isthmus::net
