// SPDX-License-Identifier: BSD-3-Clause
// Which (pool address, port) cells of this worker are in use, and the choice of a free one.
//
// Theory of operation. Each pool address of which this worker owns cells has, for each of TCP, UDP
// and ICMP, a bitmap of 65 536 ports and four counts of free ones: well-known or not, even or odd.
// The ports themselves are a few intervals, the same for all addresses of a pool: what ownership
// gives, cut to the pool's range. The counts say where a free port is; a scan of 64 at a time from
// a random place finds it (RFC 6056, conflict C9: random within class and parity).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "nat/arena.h"
#include "nat/info.h"
#include "nat/random.h"
#include "nat/settings.h"
#include "net/addr.h"
#include "net/result.h"

namespace isthmus::nat {

class Pools {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};

  /// Finds this worker's cells.
  Status plan(const Settings& settings, const steer::Ownership& ownership, unsigned worker);
  std::size_t need() const;
  bool init(Arena& arena);

  /// The address's number if this worker owns cells of it.
  uint32_t find(net::Ip4 address) const;
  net::Ip4 address(uint32_t index) const { return addresses_[index].address; }
  /// Instance whose pool has the address; kNone if it is in no pool.
  uint32_t instance_of(net::Ip4 address) const;

  /// Number of the address's pool within its instance; 0 if it is in none.
  uint16_t pool_of(net::Ip4 address) const;

  /// An address for a new subscriber: the freer of two random ones. kNone if all are full.
  uint32_t choose(uint8_t instance, uint8_t protocol, Random& random) const;
  /// A free port of the address by the rules of RFC 6146 3.5.1.1, now in use; false if none.
  bool allocate(uint32_t index, uint8_t protocol, net::Be16 wanted, Random& random,
                net::Be16& port);
  /// Takes this very port; false if it is in use or not this worker's.
  bool take(uint32_t index, uint8_t protocol, net::Be16 port);
  void release(net::Ip4 address, uint8_t protocol, net::Be16 port);

  /// Keeps a port from being lent; nothing to do if it never is. False if it is lent now.
  bool reserve(net::Ip4 address, uint8_t protocol, net::Be16 port);
  void unreserve(net::Ip4 address, uint8_t protocol, net::Be16 port);
  /// The same for all ports that this worker has of an address.
  bool reserve_address(net::Ip4 address);
  void unreserve_address(net::Ip4 address);

  std::size_t info(std::span<PoolInfo> out) const;

 private:
  static constexpr unsigned kProtocols = 3;
  static constexpr unsigned kWords = 65536 / 64;
  static constexpr unsigned kClasses = 4;  ///< 2 * (port >= 1024) + parity

  struct Interval {
    uint32_t first, last;
  };
  struct Layout {
    std::array<std::vector<Interval>, 2> intervals;  ///< below 1024, and the rest
    std::array<uint32_t, 2> ports{};
    std::array<uint32_t, kClasses> free{};  ///< of an unused address
  };
  struct Address {
    net::Ip4 address;
    uint16_t pool = 0;
    std::array<std::array<uint16_t, kClasses>, kProtocols> free{};
  };
  struct Range {
    uint32_t first, last;  ///< host order
    uint8_t instance;
    uint16_t pool;
    std::vector<uint32_t> index;  ///< of each address, kNone if none of its cells is ours
  };
  struct PoolEntry {
    uint8_t instance;
    uint16_t number;  ///< within the instance
    Layout layout;
    uint64_t addresses = 0;
    std::array<uint64_t, kProtocols> used{};
  };

  static unsigned protocol_index(uint8_t protocol) {
    return protocol == 6 ? 0 : protocol == 17 ? 1 : 2;
  }
  static unsigned class_of(uint32_t port) { return (port >= 1024 ? 2u : 0u) + (port & 1); }
  uint64_t* bitmap(uint32_t index, unsigned protocol) {
    return bitmaps_ + (std::size_t{index} * kProtocols + protocol) * kWords;
  }
  static Layout make_layout(const std::vector<steer::Ownership::PortRange>& owned, PortRange ports);
  void add_range(const steer::Ownership& ownership, unsigned worker, const PortRange& ports,
                 Range range);
  bool scan(uint32_t index, unsigned protocol, unsigned port_class, Random& random, uint32_t& port);
  bool has(uint32_t index, net::Be16 port) const;
  void fill(uint32_t index, bool used);
  void mark(uint32_t index, unsigned protocol, uint32_t port);
  uint32_t free_ports(uint32_t index, unsigned protocol) const;

  std::vector<Range> ranges_;
  std::vector<PoolEntry> pools_;
  std::vector<Address> addresses_;
  std::vector<std::vector<uint32_t>> by_instance_;
  uint64_t* bitmaps_ = nullptr;
};

}  // namespace isthmus::nat
