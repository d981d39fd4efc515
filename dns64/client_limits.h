// SPDX-License-Identifier: BSD-3-Clause
// What one client, or one zone, may take: answers a second, questions in flight.
//
// Theory of operation. A client is its /64, or its IPv4 address: fewer would let one subscriber use
// the whole of its own network to count as many. A zone is the last two labels of a name, three
// below short second-level labels ("co.uk"): a forwarder does not see where zones are cut. Rates
// are kept in a table of fixed size whose slots are shared by those that hash alike, so that a
// flood of sources costs no memory.
#pragma once

#include <array>
#include <unordered_map>
#include <vector>

#include "dns64/query.h"
#include "net/hash.h"

namespace isthmus::dns64 {

using TimeMs = uint64_t;

/// The /64 of an IPv6 address; an IPv4 address (::ffff:a.b.c.d) itself.
net::Ip6 subscriber_of(const net::Ip6& client);
/// The part of `name` by which its zone is known.
Bytes zone_part(const Name& name);

/// Token buckets; a second's worth may be used at once.
class RateLimit {
 public:
  RateLimit(uint32_t per_second, const net::HashKey& key);

  enum class Verdict : uint8_t { kAllow, kTruncate, kDrop };
  /// Of those over the rate every second one is to be answered with TC, so that a real client
  /// behind a forged flood comes over TCP.
  Verdict check(const net::Ip6& client, TimeMs now);

 private:
  static constexpr std::size_t kSlots = 16384;
  struct Slot {
    uint32_t tokens = 0;  ///< thousandths
    uint32_t over = 0;
    TimeMs last = 0;
  };
  uint32_t per_second_;
  net::HashKey key_;
  std::vector<Slot> slots_;
};

/// Who waits for how many answers.
class InFlight {
 public:
  explicit InFlight(const net::HashKey& key) : key_(key), clients_(0, Hash{key}) {}

  /// Counts one more, unless client or zone have reached their limit (0: none).
  enum class Verdict : uint8_t { kAllow, kClient, kZone };
  Verdict take(const net::Ip6& client, const Name& name, uint32_t client_limit,
               uint32_t zone_limit);
  void release(const net::Ip6& client, const Name& name);

  std::size_t clients() const { return clients_.size(); }
  std::size_t zones() const { return zones_.size(); }
  template <class Visit>
  void visit_clients(Visit&& visit) const {
    for (const auto& [client, count] : clients_) visit(client, count);
  }

 private:
  struct Hash {
    net::HashKey key;
    std::size_t operator()(const net::Ip6& a) const { return net::hash_ip6(key, a, 0); }
  };
  uint64_t zone_key(const Name& name) const { return hash_name(key_, zone_part(name)); }

  net::HashKey key_;
  std::unordered_map<net::Ip6, uint32_t, Hash> clients_;
  std::unordered_map<uint64_t, uint32_t> zones_;  ///< by a hash: two that meet share a limit
};

}  // namespace isthmus::dns64
