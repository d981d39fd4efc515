// SPDX-License-Identifier: BSD-3-Clause
// hot path
#include "nat/pools.h"

#include <algorithm>

#include "nat/port_bits.h"

namespace isthmus::nat {
namespace {

/// Addresses that choose() finds full, at most, before it gives up on a packet. Each is found full
/// once only.
constexpr unsigned kTries = 64;

// The bit of a port that becomes free a little later than the one at `oldest`.
void fetch_held(const PoolSet& set, const PoolState& state, uint32_t oldest) {
  constexpr uint32_t kAhead = 8;
  if (state.ring_count <= kAhead) return;
  const uint32_t at = oldest + kAhead;
  const HeldPort& held = state.ring[at < state.ring_capacity ? at : at - state.ring_capacity];
  if (held.address >= set.entries.size()) return;
  auto* address = set.entries[held.address].state;
  if (address != nullptr) __builtin_prefetch(&address->used(held.protocol)[held.port / 64], 1);
}

// One of the class, from a random place on.
inline bool pick(PoolAddress& address, const PoolSet::PoolEntry& pool, unsigned protocol,
                 unsigned port_class, Random& random, uint32_t& port) {
  const unsigned high = port_class / 2;
  const unsigned parity = port_class & 1;
  const auto& intervals = pool.layout.intervals[high];
  const uint64_t* used = address.used(protocol);
  uint32_t skip = random.below(pool.layout.ports[high]);
  std::size_t start = 0;
  while (skip > intervals[start].last - intervals[start].first) {
    skip -= intervals[start].last - intervals[start].first + 1;
    ++start;
  }
  const uint32_t from = intervals[start].first + skip;
  if (find_clear(used, from, intervals[start].last, parity, port)) return true;
  for (std::size_t step = 1; step < intervals.size(); ++step) {
    const auto& interval = intervals[(start + step) % intervals.size()];
    if (find_clear(used, interval.first, interval.last, parity, port)) return true;
  }
  return from > intervals[start].first &&
         find_clear(used, intervals[start].first, from - 1, parity, port);
}

// A free port by the rules of RFC 6146 3.5.1.1.
bool find_port(PoolAddress& address, const PoolSet::PoolEntry& pool, const PortWish& wish,
               Random& random, uint32_t& port) {
  const unsigned p = protocol_index(wish.protocol);
  unsigned same = port_class_of(wish.inside_port.host());
  // Without a class to keep, one port is as good as another: in proportion to what is free.
  if (!pool.rules.preserve_class) {
    const auto& free = address.free[p];
    const uint32_t low = uint32_t{free[0]} + free[1];
    const uint32_t all = low + free[2] + free[3];
    same = (all == 0 || random.below(all) >= low ? 2u : 0u) + (same & 1);
  }
  // RFC 6146 3.5.1.1: the same range and, for UDP, the same parity SHOULD be kept; any other port
  // MAY be used when there is none. For TCP and ICMP parity means nothing, so either may come
  // first.
  if (!minds_parity(p) || !pool.rules.preserve_parity) same ^= random.next() & 1;
  for (unsigned other = 0; other < kPortClasses; ++other) {
    const unsigned port_class = same ^ other;
    if (address.free[p][port_class] == 0) continue;
    if (pick(address, pool, p, port_class, random, port)) return true;
  }
  return false;
}

}  // namespace

// --- choosing -----------------------------------------------------------------------------------

// Ports that a new subscriber could get.
uint32_t Pools::room(uint32_t index, unsigned protocol) const {
  const auto& entry = set_->entries[index];
  const auto& pool = set_->pools[entry.pool];
  if (pool.rules.allocation == Allocation::kBlocks) {
    return uint32_t{entry.state->free_block_count} << pool.block_shift;
  }
  const auto& free = entry.state->free[protocol];
  return uint32_t{free[0]} + free[1] + free[2] + free[3];
}

uint32_t Pools::choose(uint8_t instance, uint8_t protocol, Random& random) {
  const unsigned p = protocol_index(protocol);
  auto& candidates = set_->candidates[instance];
  for (unsigned tries = 0; tries < kTries && candidates.room[p] != 0; ++tries) {
    const uint32_t a = candidates.list[p][random.below(candidates.room[p])];
    const uint32_t b = candidates.list[p][random.below(candidates.room[p])];
    const uint32_t best = room(a, p) >= room(b, p) ? a : b;
    if (room(best, p) > 0) return best;
    demote(a, p);
    if (b != a) demote(b, p);
  }
  return kNone;
}

// demote() happens to a copy; of a long list to none, so that chance may find a full one again.
uint32_t Pools::foresee_choice(uint8_t instance, uint8_t protocol, Random& random) const {
  constexpr uint32_t kCopied = 256;
  const unsigned p = protocol_index(protocol);
  const auto& candidates = set_->candidates[instance];
  uint32_t left = candidates.room[p];
  const bool copies = left <= kCopied;
  uint32_t copy[kCopied];
  const uint32_t* list = candidates.list[p].data();
  if (copies) list = std::copy_n(list, left, copy) - left;
  const auto demote_copy = [&](uint32_t index) {
    if (copies) std::swap(*std::find(copy, copy + left, index), copy[left - 1]);
    if (copies) --left;
  };
  for (unsigned tries = 0; tries < kTries && left != 0; ++tries) {
    const uint32_t a = list[random.below(left)];
    const uint32_t b = list[random.below(left)];
    const uint32_t best = room(a, p) >= room(b, p) ? a : b;
    if (room(best, p) > 0) return best;
    demote_copy(a);
    if (b != a) demote_copy(b);
  }
  return kNone;
}

Grant Pools::foresee(uint32_t& index, const PortWish& wish, Random& random, net::Be16& port) const {
  const auto& pool = entry_of(index);
  if (pool.rules.allocation == Allocation::kBlocks) {
    return foresee_in_blocks(index, wish, random, port);
  }
  uint32_t found;
  if (!find_port(*set_->entries[index].state, pool, wish, random, found)) return Grant::kFull;
  port = net::Be16(static_cast<uint16_t>(found));
  return Grant::kDone;
}

void Pools::demote(uint32_t index, unsigned protocol) {
  auto& entry = set_->entries[index];
  auto& candidates = set_->candidates[set_->pools[entry.pool].instance];
  auto& list = candidates.list[protocol];
  const uint32_t last = --candidates.room[protocol];
  const uint32_t moved = list[last];
  std::swap(list[entry.place[protocol]], list[last]);
  set_->entries[moved].place[protocol] = entry.place[protocol];
  entry.place[protocol] = last;
}

void Pools::promote(uint32_t index, unsigned protocol) {
  auto& entry = set_->entries[index];
  if (!entry.open) return;
  auto& candidates = set_->candidates[set_->pools[entry.pool].instance];
  auto& list = candidates.list[protocol];
  if (entry.place[protocol] < candidates.room[protocol]) return;
  const uint32_t first = candidates.room[protocol]++;
  const uint32_t moved = list[first];
  std::swap(list[entry.place[protocol]], list[first]);
  set_->entries[moved].place[protocol] = entry.place[protocol];
  entry.place[protocol] = first;
}

// --- any free port ------------------------------------------------------------------------------

Grant Pools::allocate(uint32_t& index, const PortWish& wish, Random& random, net::Be16& port) {
  auto& pool = entry_of(index);
  if (pool.rules.allocation == Allocation::kBlocks) {
    return allocate_in_blocks(index, wish, random, port);
  }
  auto& address = *set_->entries[index].state;
  uint32_t found;
  if (!find_port(address, pool, wish, random, found)) return Grant::kFull;
  mark(address, *pool.state, protocol_index(wish.protocol), found);
  port = net::Be16(static_cast<uint16_t>(found));
  return Grant::kDone;
}

void Pools::unmark(uint32_t index, unsigned protocol, uint32_t port) {
  auto& address = *set_->entries[index].state;
  address.used(protocol)[port / 64] &= ~(uint64_t{1} << port % 64);
  ++address.free[protocol][port_class_of(port)];
  promote(index, protocol);
}

bool Pools::can_take(uint32_t index, const PortWish& wish, net::Be16 port) const {
  const unsigned p = protocol_index(wish.protocol);
  const uint32_t host = port.host();
  const auto& pool = entry_of(index);
  auto& address = *set_->entries[index].state;
  if ((address.used(p)[host / 64] >> host % 64 & 1) != 0) return false;
  if (pool.rules.allocation == Allocation::kBlocks) {
    return wish.subscriber != kNone &&
           address.blocks[host >> pool.block_shift].holder == wish.subscriber + 1;
  }
  const auto& intervals = pool.layout.intervals[host >= 1024 ? 1 : 0];
  return std::any_of(intervals.begin(), intervals.end(), [host](const PoolSet::Interval& i) {
    return host >= i.first && host <= i.last;
  });
}

bool Pools::take(uint32_t index, const PortWish& wish, net::Be16 port) {
  if (!can_take(index, wish, port)) return false;
  const unsigned p = protocol_index(wish.protocol);
  const uint32_t host = port.host();
  auto& pool = entry_of(index);
  auto& address = *set_->entries[index].state;
  if (pool.rules.allocation == Allocation::kBlocks) {
    const uint32_t number = host >> pool.block_shift;
    address.used(p)[host / 64] |= uint64_t{1} << host % 64;
    ++pool.state->used[p];
    use_block(address.blocks[number], block_ref(index, number), p);
    return true;
  }
  mark(address, *pool.state, p, host);
  return true;
}

void Pools::release(net::Ip4 address, uint8_t protocol, net::Be16 port) {
  const uint32_t index = find(address);
  if (index == kNone) return;
  auto& pool = entry_of(index);
  if (!net::has_ports(protocol)) {
    --set_->entries[index].state->portless;
    return;
  }
  const unsigned p = protocol_index(protocol);
  --pool.state->used[p];
  switch (pool.rules.allocation) {
    case Allocation::kBlocks: return leave_block(index, p, port.host());
    case Allocation::kDeterministic:
      // RFC 6888 REQ-8 b: nobody else ever gets the port.
      set_->entries[index].state->used(p)[port.host() / 64] &= ~(uint64_t{1} << port.host() % 64);
      return;
    case Allocation::kDynamic: break;
  }
  // RFC 6888 REQ-8 a: TCP is tracked by its state machine.
  if (pool.holds && pool.state->ring_capacity != 0 && protocol != 6) {
    hold(index, p, port.host());
  } else {
    unmark(index, p, port.host());
  }
}

// --- hold-down ----------------------------------------------------------------------------------

// RFC 6888 REQ-8: not reallocated until the time has passed; the number of such ports has a limit,
// too.
void Pools::hold(uint32_t index, unsigned protocol, uint32_t port) {
  auto& state = *entry_of(index).state;
  if (state.ring_count == state.ring_capacity) free_oldest(state);
  auto& address = *set_->entries[index].state;
  state.ring[state.ring_in] = {index, static_cast<uint16_t>(port), static_cast<uint8_t>(protocol),
                               address.epoch, now_ms_};
  ++address.held;
  state.ring_in = state.ring_in + 1 == state.ring_capacity ? 0 : state.ring_in + 1;
  ++state.ring_count;
  ++state.held[protocol];
}

void Pools::free_oldest(PoolState& state) {
  const uint32_t oldest = state.ring_in >= state.ring_count
                              ? state.ring_in - state.ring_count
                              : state.ring_in + state.ring_capacity - state.ring_count;
  const HeldPort held = state.ring[oldest];
  fetch_held(*set_, state, oldest);
  --state.ring_count;
  --state.held[held.protocol];
  // Its address may have left the pool meanwhile.
  auto* address = held.address < set_->entries.size() ? set_->entries[held.address].state : nullptr;
  if (address == nullptr || address->epoch != held.epoch) return;
  --address->held;
  unmark(held.address, held.protocol, held.port);
}

bool Pools::free_held(PoolSet::PoolEntry& pool, unsigned budget) {
  auto& state = *pool.state;
  for (; state.ring_count != 0; --budget) {
    const uint32_t oldest = state.ring_in >= state.ring_count
                                ? state.ring_in - state.ring_count
                                : state.ring_in + state.ring_capacity - state.ring_count;
    if (now_ms_ - state.ring[oldest].since_ms < pool.rules.hold_down * 1000) return false;
    if (budget == 0) return true;
    free_oldest(state);
  }
  return false;
}

// --- deterministic ------------------------------------------------------------------------------

const PoolSet::PoolEntry* Pools::find_map(uint8_t instance, const net::Ip6& inside) const {
  for (const auto& pool : set_->pools) {
    if (pool.map != nullptr && pool.instance == instance && pool.map->has(inside)) return &pool;
  }
  return nullptr;
}

Grant Pools::foresee_own(const PoolSet::PoolEntry& pool, const net::Ip6& inside,
                         const PortWish& wish, Random& random, net::Ip4& address,
                         net::Be16& port) const {
  const auto cells = pool.map->cells_of(inside);
  const uint32_t index = find(cells.address);
  if (index == kNone || !set_->entries[index].open) return Grant::kFull;
  const unsigned p = protocol_index(wish.protocol);
  const uint64_t* used = set_->entries[index].state->used(p);
  unsigned parity = wish.inside_port.host() & 1;
  if (!minds_parity(p) || !pool.rules.preserve_parity) parity = random.next() & 1;
  uint32_t found;
  // RFC 7422 2: random inside the subscriber's own range.
  if (!pick_clear(used, cells.first, cells.last, parity, random, found) &&
      !pick_clear(used, cells.first, cells.last, parity ^ 1, random, found)) {
    return Grant::kFull;
  }
  address = cells.address;
  port = net::Be16(static_cast<uint16_t>(found));
  return Grant::kDone;
}

Grant Pools::allocate_own(const PoolSet::PoolEntry& pool, const net::Ip6& inside,
                          const PortWish& wish, Random& random, net::Ip4& address,
                          net::Be16& port) {
  const auto grant = foresee_own(pool, inside, wish, random, address, port);
  if (grant != Grant::kDone) return grant;
  const unsigned p = protocol_index(wish.protocol);
  const uint32_t found = port.host();
  set_->entries[find(address)].state->used(p)[found / 64] |= uint64_t{1} << found % 64;
  ++pool.state->used[p];
  return grant;
}

void Pools::add_memory(MemoryInfo& info) const {
  info.add({"blocks of subscribers", Arena::need<Holding>(holding_count_), holding_count_, 0});
  MemoryPart ports{"ports of pools", set_->port_bytes(), 0, 0};
  MemoryPart rest{"ports at rest", set_->rest_bytes(), 0, 0};
  for (const auto& pool : set_->pools) {
    rest.capacity += pool.state->ring_capacity;
    rest.used += pool.state->ring_count;
    ports.capacity += pool.addresses * 65536 * kPoolProtocols;
    for (unsigned p = 0; p < kPoolProtocols; ++p) ports.used += pool.state->used[p];
  }
  info.add(ports);
  info.add(rest);
}

std::size_t Pools::info(std::span<PoolInfo> out) const {
  std::size_t count = 0;
  for (const auto& pool : set_->pools) {
    if (count == out.size()) break;
    PoolInfo& info = out[count++];
    info = {};
    info.instance = pool.instance;
    info.pool = pool.number;
    info.addresses = pool.addresses;
    info.used_tcp = pool.state->used[0];
    info.used_udp = pool.state->used[1];
    info.used_icmp = pool.state->used[2];
    info.held = pool.state->held[0] + pool.state->held[1] + pool.state->held[2];
    switch (pool.rules.allocation) {
      case Allocation::kDynamic:
        info.capacity = pool.addresses * (pool.layout.ports[0] + pool.layout.ports[1]);
        break;
      case Allocation::kBlocks:
        info.blocks = pool.addresses * pool.layout.blocks.size();
        info.blocks_granted = pool.state->blocks_granted;
        info.blocks_resting = pool.state->blocks_resting;
        info.capacity = info.blocks << pool.block_shift;
        break;
      case Allocation::kDeterministic:
        // All workers share its subscribers, by a hash: only the whole can be told.
        info.capacity = uint64_t{pool.map->subscribers()} * pool.map->ports_per_subscriber();
        info.shared_capacity = true;
        break;
    }
  }
  return count;
}

}  // namespace isthmus::nat
