// SPDX-License-Identifier: BSD-3-Clause
// What a worker knows of its pools: which addresses and ports, under which rules, and the memory of
// their use.
//
// Theory of operation. A PoolSet is made by the control core, complete, and handed to the worker,
// which takes it up in one exchange of pointers and gives the one before it back. So pools change
// while packets flow, and a worker neither allocates nor waits for it. What has to survive such a
// change lies apart: PoolAddress (which cells are in use) and PoolState (what rests, and sums) are
// shared with the set before. An address keeps its number as long as it stays; a number without
// address may be given to another one.
// The worker writes to states and to candidates; all else is fixed, and both sides may read it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "nat/arena.h"
#include "nat/settings.h"
#include "net/result.h"

namespace isthmus::nat {

inline constexpr unsigned kPoolProtocols = 3;  ///< TCP, UDP, ICMP
inline constexpr unsigned kPortClasses = 4;    ///< 2 * (port >= 1024) + parity

/// A port block of one address. Nobody's, or a subscriber's in all protocols.
struct PortBlock {
  uint32_t holder;                     ///< subscriber + 1; 0: not granted
  uint32_t next;                       ///< of the same subscriber
  uint32_t rests_after, rests_before;  ///< neighbours in the queue of those without a port in use
  uint32_t free_since_ms;
  std::array<uint16_t, kPoolProtocols> used;
  bool rests;

  bool is_empty() const { return used[0] == 0 && used[1] == 0 && used[2] == 0; }
};

/// Use of one address's cells by one worker.
struct PoolAddress {
  static constexpr unsigned kWords = 65536 / 64;
  net::Ip4 address;
  uint8_t epoch = 0;      ///< tells it from others that had its number
  uint32_t portless = 0;  ///< bindings of protocols without ports
  uint32_t held = 0;      ///< ports that rest, of all protocols
  uint16_t free_block_count = 0;
  std::array<std::array<uint16_t, kPortClasses>, kPoolProtocols> free{};
  uint64_t* bitmaps = nullptr;      ///< by protocol: one bit a port, set: in use or resting
  PortBlock* blocks = nullptr;      ///< by port / block size
  uint16_t* free_blocks = nullptr;  ///< of this worker, in no order

  uint64_t* used(unsigned protocol) { return bitmaps + std::size_t{protocol} * kWords; }
};

/// A freed port that rests (RFC 6888 REQ-8).
struct HeldPort {
  uint32_t address;  ///< number
  uint16_t port;
  uint8_t protocol;  ///< 0..2
  uint8_t epoch;
  uint32_t since_ms;
};

/// Sums and queues of one pool on one worker.
struct PoolState {
  static constexpr uint32_t kNone = ~uint32_t{0};
  std::array<uint64_t, kPoolProtocols> used{}, held{};
  uint64_t blocks_granted = 0, blocks_resting = 0;
  // Held ports: a ring, oldest first.
  Arena arena;
  HeldPort* ring = nullptr;
  uint32_t ring_capacity = 0, ring_in = 0, ring_count = 0;
  // Blocks without a port in use: a queue by block_ref, oldest first.
  uint32_t oldest_rest = kNone, newest_rest = kNone;
};

class PoolSet {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};
  static constexpr uint16_t kNoPool = 0xffff;

  struct Interval {
    uint32_t first, last;
  };
  /// This worker's ports of an address, alike for all addresses of a pool.
  struct Layout {
    std::array<std::vector<Interval>, 2> intervals;  ///< below 1024, and the rest
    std::array<uint32_t, 2> ports{};
    std::array<uint32_t, kPortClasses> free{};  ///< of an unused address
    std::vector<uint16_t> blocks;
  };
  struct PoolEntry {
    uint8_t instance = 0;
    uint16_t number = 0;  ///< within the instance
    Pool rules;
    bool holds = false;  ///< freed ports rest
    unsigned block_shift = 0;
    const steer::DeterministicMap* map = nullptr;
    Layout layout;
    uint64_t addresses = 0;  ///< of which this worker has cells
    std::shared_ptr<PoolState> state;
  };
  struct Entry {
    PoolAddress* state = nullptr;  ///< nullptr: no address has this number
    uint16_t pool = kNoPool;
    bool open = false;                             ///< for new bindings
    std::array<uint32_t, kPoolProtocols> place{};  ///< among the instance's candidates
  };
  struct Range {
    uint32_t first, last;  ///< host order
    uint16_t pool;
    bool open;
    uint32_t start;  ///< in numbers_
  };
  /// Open addresses of an instance, by protocol: those that had room when last looked at are in
  /// front.
  struct Candidates {
    std::array<std::vector<uint32_t>, kPoolProtocols> list;
    std::array<uint32_t, kPoolProtocols> room{};
  };

  /// `running`: the set whose place it takes, or nullptr. Error: pools overlap, have no place for
  /// each worker, or no memory.
  static Result<std::unique_ptr<PoolSet>> make(const Settings& settings,
                                               const steer::Ownership& ownership, unsigned worker,
                                               const PoolSet* running);

  /// The address's number if this worker has cells of it.
  uint32_t find(net::Ip4 address) const;
  const std::vector<Range>& ranges() const { return ranges_; }
  std::size_t memory() const { return port_bytes() + rest_bytes(); }
  std::size_t port_bytes() const;  ///< which ports are in use, and blocks
  std::size_t rest_bytes() const;  ///< queues of freed ports
  void touch();
  /// Bytes that sets of all workers together take.
  static std::size_t need(const Settings& settings, const steer::Ownership& ownership);

  std::vector<PoolEntry> pools;
  bool has_maps = false;  ///< some pool is deterministic
  std::vector<Entry> entries;
  std::vector<Candidates> candidates;  ///< by instance

 private:
  struct Chunk {
    Arena arena;
    PoolAddress* addresses = nullptr;
  };
  struct Build;

  std::vector<Range> ranges_;  ///< ascending
  std::vector<uint32_t> numbers_;
  std::vector<std::shared_ptr<Chunk>> chunks_;  ///< each that some entry needs, or nullptr
  std::vector<uint16_t> chunk_of_;              ///< by number
  uint8_t epoch_ = 0;
};

/// Blocks have names that fit into a word.
constexpr uint32_t block_ref(uint32_t address, uint32_t block) {
  return address << 10 | block;
}
constexpr uint32_t address_of_ref(uint32_t ref) {
  return ref >> 10;
}
constexpr uint32_t block_of_ref(uint32_t ref) {
  return ref & 1023;
}
inline constexpr unsigned kSmallestBlock = 64;  ///< 1024 of them are all ports

}  // namespace isthmus::nat
