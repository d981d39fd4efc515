// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Whose a packet is, by its destination: a stateful or a stateless instance, or nobody.
#pragma once

#include <cstdint>
#include <vector>

#include "nat/settings.h"
#include "nat/translator.h"

namespace isthmus::nat {

class Classifier {
 public:
  explicit Classifier(const Settings& settings);

  /// The longest prefix that holds `destination`; a stateful one before a stateless one.
  Class classify6(const net::Ip6& destination) const {
    for (const auto& entry : prefixes_) {
      if (entry.prefix.contains(destination)) return entry.cls;
    }
    return {};
  }
  /// A pool address is stateful, whatever a stateless instance says.
  Class classify4(net::Ip4 destination) const {
    const RangeEntry* range = find(destination);
    return range == nullptr ? Class{} : range->cls;
  }
  /// Whether the port is among those that the address lends, if it is a pool's.
  bool lends(net::Ip4 address, net::Be16 port) const {
    const RangeEntry* range = find(address);
    return range != nullptr && port.host() >= range->first_port && port.host() <= range->last_port;
  }
  /// Whether an IPv4 packet to an address that the box has, too, may be meant for a binding.
  bool may_lend(const net::PacketBuf& packet, const net::PacketView& view) const;
  /// Whether `address` lies in any stateful prefix (RFC 6146 3.5).
  bool in_stateful_prefix(const net::Ip6& address) const {
    return classify6(address).kind == Class::kStateful;
  }

  const net::Prefix6052& stateful_prefix(uint8_t index) const { return stateful_[index]; }
  uint8_t instance_of_prefix(uint8_t index) const { return instance_[index]; }
  uint8_t first_prefix(uint8_t instance) const { return first_prefix_[instance]; }

 private:
  struct PrefixEntry {
    net::Prefix6052 prefix;
    Class cls;
  };
  struct RangeEntry {
    uint32_t first, size;  ///< size: addresses less one
    Class cls;
    uint16_t first_port = 0, last_port = 65535;
  };
  /// Few ranges are compared one by one, which beats a search tree; of many, ascending and
  /// disjoint, half are ruled out at a time.
  const RangeEntry* find(net::Ip4 address) const {
    const uint32_t host = address.host();
    // Remotes of 6->4 packets are asked about, too; nearly none is ours.
    if ((octets_[host >> 30] >> (host >> 24 & 63) & 1) == 0) return nullptr;
    if (ranges_.size() > kFew) return search(host);
    for (const auto& range : ranges_) {
      if (host - range.first <= range.size) return &range;
    }
    return nullptr;
  }
  const RangeEntry* search(uint32_t host) const {
    const RangeEntry* base = ranges_.data();
    for (std::size_t left = ranges_.size(); left > 1;) {
      const std::size_t half = left / 2;
      base += base[half].first <= host ? half : 0;
      left -= half;
    }
    return host - base->first <= base->size ? base : nullptr;
  }
  static constexpr std::size_t kFew = 8;

  std::vector<PrefixEntry> prefixes_;
  std::vector<RangeEntry> ranges_;
  uint64_t octets_[4] = {};  ///< first octets under which there is a range
  std::vector<net::Prefix6052> stateful_;
  std::vector<uint8_t> instance_, first_prefix_;
};

}  // namespace isthmus::nat
