// SPDX-License-Identifier: BSD-3-Clause
// Which (pool address, port) cells of this worker are in use, and the choice of a free one.
//
// Theory of operation. Each pool address of which this worker owns cells has, for each of TCP, UDP
// and ICMP, a bitmap of 65 536 ports and four counts of free ones: well-known or not, even or odd.
// The ports themselves are a few intervals, the same for all addresses of a pool: what ownership
// gives, cut to the pool's range. The counts say where a free port is; a scan of 64 at a time from
// a random place finds it (RFC 6056, conflict C9: random within class and parity).
//   Addresses for new subscribers are chosen among those with room: the freer of two random ones.
//   One that turns out to be full is moved behind the others, and back when it gets a port again.
//   Freed ports rest in a ring of their pool (RFC 6888 REQ-8), their bit still set; when it is full
//   the oldest becomes free before its time.
//   Port blocks (nat/pool_set.h): a subscriber's blocks are a list, searched first; a new one comes
//   from the free blocks of its address, at random. A block without a port in use waits in the
//   pool's queue for its time to end, and is taken out again when its subscriber needs it.
//   Deterministic cells are computed; only the bitmap is kept.
// No step looks at all addresses, blocks or resting ports.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "nat/events.h"
#include "nat/info.h"
#include "nat/pool_set.h"
#include "nat/random.h"
#include "telemetry/counters.h"

namespace isthmus::nat {

/// What became of a wish for a port.
enum class Grant : uint8_t {
  kDone,
  kFull,   ///< no port left
  kLimit,  ///< the subscriber has all the blocks it may have
};

/// A port that somebody needs.
struct PortWish {
  uint8_t protocol;
  net::Be16 inside_port;
  uint32_t subscriber;  ///< number in Tables
  net::Ip6 prefix{};    ///< of the subscriber
};

constexpr unsigned protocol_index(uint8_t protocol) {
  return protocol == 6 ? 0 : protocol == 17 ? 1 : 2;
}
constexpr unsigned port_class_of(uint32_t port) {
  return (port >= 1024 ? 2u : 0u) + (port & 1);
}

class Pools {
 public:
  static constexpr uint32_t kNone = PoolSet::kNone;

  Pools(Events& events, telemetry::Counters& counters) : events_(events), counters_(counters) {}

  /// Memory beside that of sets.
  static std::size_t need(const Settings& settings) {
    return Arena::need<Holding>(settings.max_subscribers);
  }
  bool init(Arena& arena, const Settings& settings, std::unique_ptr<PoolSet> set);
  /// Takes up `next`, made for the set that runs, and gives that one back.
  void exchange(std::unique_ptr<PoolSet>& next) { set_.swap(next); }
  const PoolSet& set() const { return *set_; }

  /// The address's number if this worker owns cells of it.
  uint32_t find(net::Ip4 address) const { return set_->find(address); }
  net::Ip4 address(uint32_t index) const { return set_->entries[index].state->address; }
  /// Number of the address's pool within its instance; 0 if it is in none.
  uint16_t pool_of(net::Ip4 address) const {
    const uint32_t index = find(address);
    return index == kNone ? uint16_t{0} : set_->pools[set_->entries[index].pool].number;
  }
  /// Whether new bindings of the instance may use the address.
  bool usable(uint32_t index, uint8_t instance) const {
    if (index >= set_->entries.size()) return false;
    const auto& entry = set_->entries[index];
    return entry.open && set_->pools[entry.pool].instance == instance;
  }
  /// Whether its cells are deterministic.
  bool is_mapped(uint32_t index) const {
    return set_->pools[set_->entries[index].pool].map != nullptr;
  }
  bool pairs_softly(uint32_t index) const {
    return set_->pools[set_->entries[index].pool].rules.soft_pairing;
  }

  /// An address with room for a new subscriber. kNone if there is none.
  uint32_t choose(uint8_t instance, uint8_t protocol, Random& random);
  /// A free port of the address by the rules of RFC 6146 3.5.1.1, now in use. With soft pairing it
  /// may be one of a block on another address, whose number `index` then is.
  Grant allocate(uint32_t& index, const PortWish& wish, Random& random, net::Be16& port);
  /// Takes this very port; false if it is in use, resting, not this worker's or not the
  /// subscriber's.
  bool take(uint32_t index, const PortWish& wish, net::Be16 port);
  void release(net::Ip4 address, uint8_t protocol, net::Be16 port);

  // What the steps above would come to, with nothing taken. A subscriber of kNone has nothing yet.
  uint32_t foresee_choice(uint8_t instance, uint8_t protocol, Random& random) const;
  Grant foresee(uint32_t& index, const PortWish& wish, Random& random, net::Be16& port) const;
  Grant foresee_own(const PoolSet::PoolEntry& pool, const net::Ip6& inside, const PortWish& wish,
                    Random& random, net::Ip4& address, net::Be16& port) const;
  bool can_take(uint32_t index, const PortWish& wish, net::Be16 port) const;

  // For protocols without ports, whose bindings use up no cell (pools_portless.cc).
  /// Notes one more on the address; release() takes it back.
  void take_portless(uint32_t index) { ++set_->entries[index].state->portless; }
  /// One of the instance's addresses by `name`, whichever worker asks; kNone if it cannot be used.
  uint32_t by_name(uint8_t instance, uint64_t name) const;
  /// The instance's addresses that take bindings, in no order.
  std::span<const uint32_t> open_addresses(uint8_t instance) const {
    return set_->candidates[instance].list[0];
  }

  // For static bindings (pools_reserve.cc).
  /// Keeps a port from being lent; nothing to do if it never is. False if it is lent now, or rests.
  bool reserve(net::Ip4 address, uint8_t protocol, net::Be16 port);
  void unreserve(net::Ip4 address, uint8_t protocol, net::Be16 port);
  /// The same for all ports that this worker has of an address.
  bool reserve_address(net::Ip4 address);
  void unreserve_address(net::Ip4 address);
  /// Whether any port of the address is lent; false if those that are not free only rest.
  bool lends(net::Ip4 address) const;
  /// What rests of an address of this worker's, for how long at most, and which option says so.
  struct Rest {
    const char* what;
    uint32_t seconds;
    const char* option;
  };
  Rest rest_of(net::Ip4 address) const;

  /// The deterministic pool that serves an inside host of the instance, or nullptr.
  const PoolSet::PoolEntry* deterministic(uint8_t instance, const net::Ip6& inside) const {
    return set_->has_maps ? find_map(instance, inside) : nullptr;
  }
  /// A free one of the ports that a host has in such a pool.
  Grant allocate_own(const PoolSet::PoolEntry& pool, const net::Ip6& inside, const PortWish& wish,
                     Random& random, net::Ip4& address, net::Be16& port);

  uint32_t blocks_of(uint32_t subscriber) const { return holdings_[subscriber].count; }
  bool holds_blocks(uint32_t subscriber) const { return blocks_of(subscriber) != 0; }

  void tick(uint32_t now_ms) { now_ms_ = now_ms; }
  /// Ends the rest of ports and blocks, at most `budget` of each kind and pool. `left(subscriber)`
  /// is told of each block that goes back. True if more wait.
  template <class Left>
  bool expire(unsigned budget, Left&& left) {
    bool more = false;
    for (auto& pool : set_->pools) {
      more |= free_held(pool, budget);
      uint32_t block = kNone;
      unsigned spent = 0;
      for (; spent < budget && (block = due_block(pool)) != kNone; ++spent) {
        left(return_block(block));
      }
      more |= spent == budget;
    }
    return more;
  }
  /// Takes back all blocks without a port in use that lie on closed addresses, addresses
  /// [cursor, cursor + scan). The cursor to go on from, 0 at the end.
  template <class Left>
  uint64_t sweep_closed(uint64_t cursor, unsigned scan, Left&& left) {
    for (; scan != 0 && cursor < set_->entries.size(); --scan, ++cursor) {
      for (uint32_t block; (block = resting_block_of(static_cast<uint32_t>(cursor))) != kNone;) {
        left(return_block(block));
      }
    }
    return cursor < set_->entries.size() ? cursor : 0;
  }

  std::size_t info(std::span<PoolInfo> out) const;
  void touch() { set_->touch(); }
  void add_memory(MemoryInfo& info) const;
  /// Calls visit(block, address number, pool) for granted blocks of addresses from `cursor` on.
  template <class Visit>
  uint64_t walk_blocks(uint64_t cursor, unsigned scan, Visit&& visit) const;
  uint32_t now_ms() const { return now_ms_; }

 private:
  /// A subscriber's blocks.
  struct Holding {
    uint32_t first;  ///< block_ref
    uint32_t count;
    net::Ip6 prefix;  ///< the subscriber's
  };

  // pools_reserve.cc
  bool has(uint32_t index, uint32_t port) const;
  uint64_t ports_of(uint32_t index) const;

  // pools.cc
  const PoolSet::PoolEntry* find_map(uint8_t instance, const net::Ip6& inside) const;
  uint32_t room(uint32_t index, unsigned protocol) const;
  void demote(uint32_t index, unsigned protocol);
  void promote(uint32_t index, unsigned protocol);
  static void mark(PoolAddress& address, PoolState& pool, unsigned protocol, uint32_t port) {
    address.used(protocol)[port / 64] |= uint64_t{1} << port % 64;
    --address.free[protocol][port_class_of(port)];
    ++pool.used[protocol];
  }
  void unmark(uint32_t index, unsigned protocol, uint32_t port);
  void hold(uint32_t index, unsigned protocol, uint32_t port);
  void free_oldest(PoolState& pool);
  bool free_held(PoolSet::PoolEntry& pool, unsigned budget);

  // port_blocks.cc
  Grant allocate_in_blocks(uint32_t& index, const PortWish& wish, Random& random, net::Be16& port);
  Grant foresee_in_blocks(uint32_t& index, const PortWish& wish, Random& random,
                          net::Be16& port) const;
  uint32_t find_in_blocks(const Holding& holding, uint32_t index, const PortWish& wish,
                          Random& random, uint32_t& port) const;
  bool pick_in_block(uint32_t block, const PortWish& wish, Random& random, bool any_parity,
                     uint32_t& port) const;
  uint32_t grant_block(uint32_t index, const PortWish& wish, Random& random);
  void tell(EventKind kind, uint32_t block, const net::Ip6& prefix);
  void use_block(PortBlock& block, uint32_t ref, unsigned protocol);
  void leave_block(uint32_t index, unsigned protocol, uint32_t port);
  void start_rest(uint32_t block);
  void end_rest(uint32_t block);
  uint32_t due_block(const PoolSet::PoolEntry& pool) const;
  uint32_t resting_block_of(uint32_t index) const;
  uint32_t return_block(uint32_t block);
  PortBlock& block_at(uint32_t ref) const {
    return set_->entries[address_of_ref(ref)].state->blocks[block_of_ref(ref)];
  }
  PoolSet::PoolEntry& entry_of(uint32_t index) { return set_->pools[set_->entries[index].pool]; }
  const PoolSet::PoolEntry& entry_of(uint32_t index) const {
    return set_->pools[set_->entries[index].pool];
  }

  Events& events_;
  telemetry::Counters& counters_;
  std::unique_ptr<PoolSet> set_;
  Holding* holdings_ = nullptr;  ///< by subscriber
  uint32_t holding_count_ = 0;
  uint8_t subscriber_length_ = 64;
  uint32_t now_ms_ = 0;
};

/// Whether a port's parity means something: in UDP, where RTP and RTCP are neighbours.
constexpr bool minds_parity(unsigned protocol) {
  return protocol == 1;
}

template <class Visit>
uint64_t Pools::walk_blocks(uint64_t cursor, unsigned scan, Visit&& visit) const {
  // The cursor is a block_ref plus one.
  uint64_t at = cursor == 0 ? 0 : cursor - 1;
  for (; scan != 0; --scan) {
    const auto index = static_cast<uint32_t>(at >> 10);
    if (index >= set_->entries.size()) return 0;
    const auto& entry = set_->entries[index];
    const bool has_blocks = entry.state != nullptr && entry.state->blocks != nullptr;
    const auto number = static_cast<uint32_t>(at & 1023);
    if (!has_blocks || number >= (65536u >> set_->pools[entry.pool].block_shift)) {
      at = (at >> 10 << 10) + 1024;
      continue;
    }
    const PortBlock& block = entry.state->blocks[number];
    if (block.holder != 0 && !visit(block, number, entry)) return at + 1;
    ++at;
  }
  return at + 1;
}

}  // namespace isthmus::nat
