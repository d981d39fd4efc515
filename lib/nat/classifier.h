// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Whose a packet is, by its destination: a stateful or a stateless instance, or nobody.
//
// Theory of operation. The longest prefix of all instances decides: translation prefixes and pools,
// a few, compared one by one; and explicit address mappings (RFC 7757), many, looked up in their
// instance's table, and only where they can matter. Stateful instances may share a translation
// prefix: the longest of their `sources` then decides. The host that it is about is the packet's
// sender, but the receiver of the quoted packet of an ICMP error, which may come from any router.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "nat/settings.h"
#include "nat/translator.h"
#include "net/pattern.h"
#include "net/prefix_table.h"
#include "steer/owner.h"

namespace isthmus::nat {

class Classifier {
 public:
  explicit Classifier(const Settings& settings);
  /// New explicit mappings.
  void update(const Settings& settings);

  /// `host` is whom the packet is about: host_of(), which is the sender of all but ICMP errors.
  Class classify6(const net::Ip6& destination, const net::Ip6& host) const {
    const PrefixEntry* found = find_prefix(destination);
    if (!eams_.empty() && (found == nullptr || eam_in_prefix_)) [[unlikely]] {
      return with_eams(found, destination, host);
    }
    return found == nullptr ? Class{} : class_of(*found, host);
  }
  Class classify6(const net::PacketBuf& packet, const net::PacketView& view) const {
    const auto& destination = net::header_at<net::Ip6Header>(packet.data)->destination;
    return classify6(destination, host_of(packet, view));
  }
  /// A pool address is stateful, whatever a stateless instance says.
  Class classify4(net::Ip4 destination) const {
    const uint32_t host = destination.host();
    // Remotes of 6->4 packets are asked about, too; nearly none is ours.
    if ((octets_[host >> 30] >> (host >> 24 & 63) & 1) == 0) return {};
    const PoolRange* pool = find_pool(host);
    if (pool != nullptr) return pool->cls;
    Class cls;
    int length = -1;
    for (const auto& inside : insides_) {
      if (!inside.prefix.contains(destination)) continue;
      cls = inside.cls;
      length = inside.prefix.length;
      break;
    }
    return eams_.empty() ? cls : longest_eam(destination, length, cls);
  }
  /// Whether classify4() would find anybody. Of remotes nearly none is ours.
  bool is_anyones(net::Ip4 address) const {
    const uint32_t host = address.host();
    return (octets_[host >> 30] >> (host >> 24 & 63) & 1) != 0 &&
           classify4(address).kind != Class::kNone;
  }
  /// Whether any address under this first octet may be anyone's.
  bool has_any_under(uint32_t octet) const {
    return (octets_[octet >> 6] >> (octet & 63) & 1) != 0;
  }
  /// What nearly all packets are sent to: one stateful prefix and pool range, one stateless prefix
  /// and range of hosts behind it. A copy for loops, that knows a part of what classify6() and
  /// classify4() know.
  struct Usual {
    net::Pattern prefix96;  ///< of 96 bits
    uint8_t prefix = 0;     ///< Class::prefix
    uint32_t first = 0;
    uint64_t count = 0;  ///< of pool addresses

    struct Stateless {
      net::Pattern prefix96;
      uint8_t instance = 0;
      bool holds(const net::Ip6& a) const { return prefix96.holds(a.bytes.data()); }
    } stateless;
    struct Hosts {
      uint32_t first = 0;
      uint64_t count = 0;
      uint8_t instance = 0;
      bool holds(net::Ip4 a) const { return a.host() - first < count; }
    } hosts;
    bool holds(const net::Ip6& a) const { return prefix96.holds(a.bytes.data()); }
    bool holds(net::Ip4 a) const { return a.host() - first < count; }
  };
  Usual usual() const;

  /// Whether the port is among those that the address lends, if it is a pool's.
  bool lends(net::Ip4 address, net::Be16 port) const {
    const PoolRange* pool = find_pool(address.host());
    return pool != nullptr && port.host() >= pool->first_port && port.host() <= pool->last_port;
  }
  /// Whether an IPv4 packet to an address that the box has, too, may be meant for a binding.
  bool may_lend(const net::PacketBuf& packet, const net::PacketView& view) const;
  /// Whether `address` lies in any stateful prefix (RFC 6146 3.5).
  bool in_stateful_prefix(const net::Ip6& address) const {
    const PrefixEntry* found = find_prefix(address);
    return found != nullptr && found->cls.kind == Class::kStateful;
  }
  /// The IPv4 address in one that a prefix holds, else 0.0.0.0.
  net::Ip4 embedded_in(const net::Ip6& address) const {
    const PrefixEntry* found = find_prefix(address);
    return found == nullptr ? net::Ip4{} : found->prefix.extract(address);
  }

  /// Whether the instance carries the protocol, which has no ports (Instance::portless).
  bool carries(uint8_t instance, uint8_t protocol) const { return portless_[instance][protocol]; }
  /// Whether flows of such protocols belong to workers by their remote address.
  bool by_remote(const steer::Ownership& ownership, uint8_t instance) const {
    return ownership.mode4() == steer::Mode4::kByPortBlock || mapped_[instance];
  }
  /// Whose a packet of the stateful class is.
  steer::Owner owner_of(const steer::Ownership& ownership, const net::PacketBuf& packet,
                        const net::PacketView& view, const Class& cls) const {
    return steer::owner_of(
        ownership, packet, view,
        {&portless_[cls.instance], by_remote(ownership, cls.instance), &stateful_[cls.prefix]});
  }

  bool has_prefixes() const { return !stateful_.empty(); }
  const net::Prefix6052& stateful_prefix(uint8_t index) const { return stateful_[index]; }
  uint8_t instance_of_prefix(uint8_t index) const { return instance_[index]; }
  uint8_t first_prefix(uint8_t instance) const { return first_prefix_[instance]; }
  /// One behind the last; they are numbered in a row.
  uint8_t end_prefix(uint8_t instance) const {
    const std::size_t next = instance + std::size_t{1};
    return next < first_prefix_.size() ? first_prefix_[next]
                                       : static_cast<uint8_t>(stateful_.size());
  }

 private:
  using Sources = net::PrefixTable<net::Ip6, Class>;
  struct PrefixEntry {
    net::Prefix6052 prefix;
    Class cls;
    std::shared_ptr<const Sources> sources;  ///< nullptr: `cls` serves everybody
  };
  struct PoolRange {
    uint32_t first, size;  ///< size: addresses less one
    Class cls;
    uint16_t first_port, last_port;
  };
  /// Hosts that a stateless instance reaches over IPv6.
  struct InsideRange {
    net::Ip4Prefix prefix;
    Class cls;
  };
  struct EamEntry {
    std::shared_ptr<const xlat::EamTable> table;
    uint8_t instance;
  };

  /// The longest prefix that holds `address`; a stateful one before a stateless one.
  const PrefixEntry* find_prefix(const net::Ip6& address) const {
    for (const auto& entry : prefixes_) {
      if (entry.prefix.contains(address)) return &entry;
    }
    return nullptr;
  }
  static Class class_of(const PrefixEntry& entry, const net::Ip6& host) {
    return entry.sources == nullptr ? entry.cls : by_source(entry, host);
  }
  static Class by_source(const PrefixEntry& entry, const net::Ip6& host);
  static const net::Ip6& host_of(const net::PacketBuf& packet, const net::PacketView& view);
  Class with_eams(const PrefixEntry* found, const net::Ip6& destination,
                  const net::Ip6& host) const;
  Class longest_eam(net::Ip4 destination, int length, Class otherwise) const;
  void share_prefixes(const Settings& settings);
  Usual::Hosts usual_hosts() const;
  void mark_octets(uint32_t first, uint32_t last);
  bool lends_all(net::Ip4 address, uint8_t protocol) const;

  /// Few ranges are compared one by one, which beats a search tree; of many, ascending and
  /// disjoint, half are ruled out at a time.
  const PoolRange* find_pool(uint32_t host) const {
    if (pools_.size() > kFew) return search(host);
    for (const auto& range : pools_) {
      if (host - range.first <= range.size) return &range;
    }
    return nullptr;
  }
  const PoolRange* search(uint32_t host) const {
    const PoolRange* base = pools_.data();
    for (std::size_t left = pools_.size(); left > 1;) {
      const std::size_t half = left / 2;
      base += base[half].first <= host ? half : 0;
      left -= half;
    }
    return host - base->first <= base->size ? base : nullptr;
  }
  static constexpr std::size_t kFew = 8;

  std::vector<PrefixEntry> prefixes_;
  std::vector<PoolRange> pools_;      ///< ascending, disjoint
  std::vector<InsideRange> insides_;  ///< longest first
  uint64_t octets_[4] = {};           ///< first octets under which there is a range, or a mapping
  uint64_t range_octets_[4] = {};     ///< of ranges
  std::vector<EamEntry> eams_;
  bool eam_in_prefix_ = false;
  std::vector<net::Prefix6052> stateful_;
  std::vector<uint8_t> instance_, first_prefix_;
  // By instance.
  std::vector<net::ProtocolSet> portless_;
  std::vector<bool> mapped_;  ///< it has a deterministic pool
};

}  // namespace isthmus::nat
