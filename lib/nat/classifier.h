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
    const uint32_t host = destination.host();
    // Remotes of 6->4 packets are asked about, too; nearly none is ours.
    if ((octets_[host >> 30] >> (host >> 24 & 63) & 1) == 0) return {};
    for (const auto& range : ranges_) {
      if (host - range.first <= range.size) return range.cls;
    }
    return {};
  }
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
  };
  std::vector<PrefixEntry> prefixes_;
  std::vector<RangeEntry> ranges_;
  uint64_t octets_[4] = {};  ///< first octets under which there is a range
  std::vector<net::Prefix6052> stateful_;
  std::vector<uint8_t> instance_, first_prefix_;
};

}  // namespace isthmus::nat
