// SPDX-License-Identifier: BSD-3-Clause
// The arithmetic of a deterministic pool (RFC 7422): subscriber <-> pool address and ports, without
// any table.
//
// Theory of operation. The inside prefix holds 2^(subscriber length - prefix length) subscribers,
// numbered by the bits between the two lengths. The pool's addresses, in ascending order, carry
// `subscribers_per_address()` of them each, one after the other (RFC 7422 2.2, algorithm 0,
// "sequential"): subscriber n has the n-th run of `ports_per_subscriber()` ports, counted through
// address after address. Nothing else enters, so whoever knows the configuration can answer for any
// time at which it was in force. One definition serves translator, ownership and both test
// commands.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "net/addr.h"
#include "net/result.h"

namespace isthmus::steer {

/// Consecutive IPv4 addresses of a pool, both ends included.
struct AddressRange {
  net::Ip4 first;
  net::Ip4 last;
  friend bool operator==(const AddressRange&, const AddressRange&) = default;
};

class DeterministicMap {
 public:
  struct Input {
    net::Ip6Prefix inside;
    uint8_t subscriber_length = 64;
    std::vector<AddressRange> outside;  ///< disjoint
    uint16_t first_port = 1024;
    uint16_t last_port = 65535;
  };
  /// What one subscriber has: one run of ports of one address, in every protocol.
  struct Cells {
    net::Ip4 address;
    uint16_t first = 0;
    uint16_t last = 0;
  };
  static constexpr unsigned kLeastPorts = 16;          ///< of one subscriber
  static constexpr unsigned kMostSubscriberBits = 24;  ///< subscribers of one pool

  /// Error, with the numbers: the subscribers do not fit.
  static Result<DeterministicMap> make(const Input& input);

  bool has(const net::Ip6& source) const { return inside_.contains(source); }
  /// Of a source that the map has().
  Cells cells_of(const net::Ip6& source) const { return cells_at(number_of(source)); }
  /// The subscriber that has this cell; nothing if it is nobody's.
  std::optional<net::Ip6Prefix> subscriber_of(net::Ip4 address, uint16_t port) const;
  bool has(net::Ip4 address) const { return position_of(address) != kNowhere; }

  uint32_t subscribers() const { return subscribers_; }
  uint32_t subscribers_per_address() const { return per_address_; }
  uint32_t ports_per_subscriber() const { return ports_each_; }

 private:
  static constexpr uint32_t kNowhere = ~uint32_t{0};
  struct Range {
    uint32_t first, last;  ///< host order
    uint32_t position;     ///< of the first address among all
  };

  uint32_t number_of(const net::Ip6& source) const;
  Cells cells_at(uint32_t number) const;
  uint32_t position_of(net::Ip4 address) const;

  net::Ip6Prefix inside_;
  uint8_t subscriber_length_ = 64;
  std::vector<Range> outside_;
  uint32_t first_port_ = 0;
  uint32_t subscribers_ = 0;
  uint32_t per_address_ = 1;
  uint32_t ports_each_ = 1;
};

}  // namespace isthmus::steer
