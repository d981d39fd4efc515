// SPDX-License-Identifier: BSD-3-Clause
#include "nat/pool_set.h"

#include <algorithm>
#include <bit>
#include <map>
#include <string>

namespace isthmus::nat {
namespace {

using Layout = PoolSet::Layout;

unsigned class_of(uint32_t port) {
  return (port >= 1024 ? 2u : 0u) + (port & 1);
}

void add_ports(Layout& layout, uint32_t first, uint32_t last, const Pool& pool) {
  for (unsigned high = 0; high < 2; ++high) {
    const uint32_t from = high == 0 ? first : std::max(first, 1024u);
    const uint32_t to = high == 0 ? std::min(last, 1023u) : last;
    if (from > to) continue;
    layout.intervals[high].push_back({from, to});
    layout.ports[high] += to - from + 1;
    layout.free[class_of(from)] += (to - from) / 2 + 1;
    layout.free[class_of(from) ^ 1] += (to - from + 1) / 2;
  }
  if (pool.allocation != Allocation::kBlocks) return;
  const uint32_t size = pool.block_size;
  for (uint32_t at = (std::max(first, 1024u) + size - 1) / size * size; at + size - 1 <= last;
       at += size) {
    layout.blocks.push_back(static_cast<uint16_t>(at / size));
  }
}

Layout make_layout(const std::vector<steer::Ownership::PortRange>& owned, const Pool& pool) {
  Layout layout;
  for (const auto& piece : owned) {
    const uint32_t first = std::max<uint32_t>(piece.first, pool.ports.first);
    const uint32_t last = std::min<uint32_t>(piece.last, pool.ports.last);
    if (first <= last) add_ports(layout, first, last, pool);
  }
  return layout;
}

bool is_useful(const Layout& layout, const Pool& pool) {
  if (pool.allocation == Allocation::kBlocks) return !layout.blocks.empty();
  return layout.ports[0] + layout.ports[1] > 0;
}

std::size_t bytes_of(const Pool& pool) {
  std::size_t bytes = Arena::need<uint64_t>(kPoolProtocols * PoolAddress::kWords);
  if (pool.allocation == Allocation::kBlocks) {
    const std::size_t blocks = 65536u / pool.block_size;
    bytes += Arena::need<PortBlock>(blocks) + Arena::need<uint16_t>(blocks);
  }
  return bytes;
}

}  // namespace

// Making a set, step by step.
struct PoolSet::Build {
  const Settings& settings;
  const steer::Ownership& ownership;
  unsigned worker;
  const PoolSet* running;
  std::unique_ptr<PoolSet> set{new PoolSet};
  std::map<uint32_t, uint32_t> kept{};  ///< running address -> its number
  std::vector<uint32_t> unused{};       ///< numbers without address
  struct New {
    uint32_t number;
    net::Ip4 address;
  };
  std::vector<New> added{};

  Status pools();
  Status add_pool(std::size_t instance, std::size_t number);
  const PoolEntry* running_pool(const PoolEntry& entry) const;
  std::shared_ptr<PoolState> state_of(const PoolEntry& entry) const;
  Layout layout_of(const PoolEntry& entry, net::Ip4 address) const;
  void add_range(uint16_t pool, const steer::AddressRange& range, bool open);
  uint32_t number_for(uint16_t pool, net::Ip4 address);
  bool has_cells(const PoolEntry& pool, net::Ip4 address) const;
  Status order();
  Status memory();
  void fill(PoolAddress& address, const PoolEntry& pool, Arena& arena) const;
  void candidates();
};

const PoolSet::PoolEntry* PoolSet::Build::running_pool(const PoolEntry& entry) const {
  if (running == nullptr) return nullptr;
  for (const auto& pool : running->pools) {
    if (pool.instance == entry.instance && pool.rules.name == entry.rules.name) return &pool;
  }
  return nullptr;
}

// By port block every address has the same intervals; by address, all ports or none.
PoolSet::Layout PoolSet::Build::layout_of(const PoolEntry& entry, net::Ip4 address) const {
  const Pool& now = entry.rules;
  const PoolEntry* before = running_pool(entry);
  // Going through all port blocks takes longer than all else.
  if (before != nullptr && before->addresses != 0 && before->rules.ports == now.ports &&
      before->rules.allocation == now.allocation && before->rules.block_size == now.block_size) {
    return before->layout;
  }
  return make_layout(ownership.ports_of(worker, address), now);
}

std::shared_ptr<PoolState> PoolSet::Build::state_of(const PoolEntry& entry) const {
  if (const PoolEntry* before = running_pool(entry)) return before->state;
  auto state = std::make_shared<PoolState>();
  const uint32_t capacity = entry.rules.hold_down_ports;
  if (entry.rules.allocation == Allocation::kDynamic && capacity != 0) {
    if (!state->arena.map(Arena::need<HeldPort>(capacity), settings.reserved_pages)) return nullptr;
    state->ring = state->arena.take<HeldPort>(capacity);
    state->ring_capacity = capacity;
  }
  return state;
}

Status PoolSet::Build::add_pool(std::size_t instance, std::size_t number) {
  const auto& from = settings.instances[instance];
  PoolEntry entry;
  entry.instance = static_cast<uint8_t>(instance);
  entry.number = static_cast<uint16_t>(number);
  entry.rules = from.pools[number];
  const Pool& pool = entry.rules;
  if (pool.ports.first > pool.ports.last) {
    return Error{"pool " + pool.name + ": port range is backwards"};
  }
  if (pool.allocation == Allocation::kBlocks &&
      (!std::has_single_bit(unsigned{pool.block_size}) || pool.block_size < kSmallestBlock)) {
    return Error{"pool " + pool.name + ": block size is no power of two, or too small"};
  }
  entry.block_shift = static_cast<unsigned>(std::countr_zero(unsigned{pool.block_size}));
  // RFC 6888 REQ-8 c: address-dependent filtering keeps strangers' packets from a reused port.
  entry.holds = pool.hold_down != 0 && from.filtering == Filtering::kEndpointIndependent;
  if (pool.allocation == Allocation::kDeterministic) {
    for (const auto& map : ownership.deterministic()) {
      const auto& ranges = pool.ranges.empty() ? pool.closed : pool.ranges;
      if (!ranges.empty() && map.has(ranges.front().first)) entry.map = &map;
    }
    if (entry.map == nullptr) {
      return Error{"pool " + pool.name + ": a deterministic pool needs a restart to come"};
    }
  }
  entry.state = state_of(entry);
  if (entry.state == nullptr) return Error{"pool " + pool.name + ": no memory for resting ports"};
  set->pools.push_back(std::move(entry));
  const auto index = static_cast<uint16_t>(set->pools.size() - 1);
  for (const auto& range : from.pools[number].ranges) add_range(index, range, !pool.drain);
  for (const auto& range : from.pools[number].closed) add_range(index, range, false);
  return Ok{};
}

bool PoolSet::Build::has_cells(const PoolEntry& pool, net::Ip4 address) const {
  if (pool.map != nullptr || ownership.mode4() == steer::Mode4::kByPortBlock) return true;
  return ownership.owner4(address, 0) == worker;
}

uint32_t PoolSet::Build::number_for(uint16_t pool, net::Ip4 address) {
  const auto known = kept.find(address.host());
  if (known != kept.end()) {
    const auto& before = running->entries[known->second];
    const auto& then = running->pools[before.pool];
    const auto& now = set->pools[pool];
    if (then.instance == now.instance && then.rules.name == now.rules.name) return known->second;
  }
  uint32_t number;
  if (!unused.empty()) {
    number = unused.back();
    unused.pop_back();
  } else {
    number = static_cast<uint32_t>(set->entries.size());
    set->entries.emplace_back();
    set->chunk_of_.push_back(0);
  }
  added.push_back({number, address});
  return number;
}

void PoolSet::Build::add_range(uint16_t pool, const steer::AddressRange& range, bool open) {
  auto& entry = set->pools[pool];
  set->ranges_.push_back({range.first.host(), range.last.host(), pool, open,
                          static_cast<uint32_t>(set->numbers_.size())});
  for (uint64_t host = range.first.host(); host <= range.last.host(); ++host) {
    const auto address = net::Ip4::from_host(static_cast<uint32_t>(host));
    uint32_t number = kNone;
    if (has_cells(entry, address)) {
      if (entry.addresses == 0 && entry.map == nullptr) entry.layout = layout_of(entry, address);
      if (entry.map != nullptr || is_useful(entry.layout, entry.rules)) {
        number = number_for(pool, address);
        set->entries[number].pool = pool;
        set->entries[number].open = open;
        ++entry.addresses;
      }
    }
    set->numbers_.push_back(number);
  }
}

Status PoolSet::Build::pools() {
  if (running != nullptr) {
    set->epoch_ = static_cast<uint8_t>(running->epoch_ + 1);
    set->chunks_ = running->chunks_;
    set->chunk_of_ = running->chunk_of_;
    set->entries.resize(running->entries.size());
    for (uint32_t i = 0; i < running->entries.size(); ++i) {
      const auto* state = running->entries[i].state;
      if (state == nullptr) {
        unused.push_back(i);
        continue;
      }
      kept.emplace(state->address.host(), i);
      set->entries[i].state = running->entries[i].state;
    }
  }
  for (std::size_t i = 0; i < settings.instances.size(); ++i) {
    const auto& instance = settings.instances[i];
    uint64_t addresses = 0;
    for (std::size_t p = 0; p < instance.pools.size(); ++p) {
      if (auto added_pool = add_pool(i, p); !added_pool) return added_pool;
      addresses += set->pools.back().addresses;
      set->has_maps |= set->pools.back().map != nullptr;
    }
    if (addresses == 0 && !instance.pools.empty()) {
      return Error{"instance " + instance.name + ": its pools are too small for " +
                   std::to_string(ownership.workers()) +
                   " workers; add addresses, widen the port range or use fewer workers"};
    }
  }
  return order();
}

Status PoolSet::Build::order() {
  auto& ranges = set->ranges_;
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.first < b.first; });
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i].first <= ranges[i - 1].last) {
      return Error{"pools overlap at " + net::to_string(net::Ip4::from_host(ranges[i].first))};
    }
  }
  return Ok{};
}

void PoolSet::Build::fill(PoolAddress& address, const PoolEntry& pool, Arena& arena) const {
  address.bitmaps = arena.take<uint64_t>(kPoolProtocols * PoolAddress::kWords);
  for (auto& free : address.free) {
    for (unsigned c = 0; c < kPortClasses; ++c) {
      free[c] = static_cast<uint16_t>(pool.layout.free[c]);
    }
  }
  if (pool.rules.allocation != Allocation::kBlocks) return;
  const std::size_t blocks = 65536u / pool.rules.block_size;
  address.blocks = arena.take<PortBlock>(blocks);
  address.free_blocks = arena.take<uint16_t>(blocks);
  for (const uint16_t block : pool.layout.blocks) {
    address.free_blocks[address.free_block_count++] = block;
  }
}

// Memory of what is new, and no longer that of what is gone.
Status PoolSet::Build::memory() {
  std::size_t bytes = Arena::need<PoolAddress>(added.size());
  for (const auto& item : added)
    bytes += bytes_of(set->pools[set->entries[item.number].pool].rules);
  auto chunk = std::make_shared<Chunk>();
  if (!added.empty() && !chunk->arena.map(bytes, settings.reserved_pages)) {
    return Error{"no memory for the pools of a worker (" + std::to_string(bytes >> 20) +
                 " MiB); use fewer addresses"};
  }
  chunk->addresses = chunk->arena.take<PoolAddress>(added.size());
  auto& chunks = set->chunks_;
  const auto free_place = std::find(chunks.begin(), chunks.end(), nullptr);
  const auto place = static_cast<uint16_t>(free_place - chunks.begin());
  if (free_place == chunks.end()) chunks.emplace_back();
  chunks[place] = chunk;
  for (std::size_t i = 0; i < added.size(); ++i) {
    auto& address = *new (&chunk->addresses[i]) PoolAddress;
    address.address = added[i].address;
    address.epoch = set->epoch_;
    auto& entry = set->entries[added[i].number];
    fill(address, set->pools[entry.pool], chunk->arena);
    entry.state = &address;
    set->chunk_of_[added[i].number] = place;
  }
  std::vector<bool> needed(chunks.size());
  for (uint32_t i = 0; i < set->entries.size(); ++i) {
    auto& entry = set->entries[i];
    if (entry.pool == kNoPool) entry.state = nullptr;
    if (entry.state != nullptr) needed[set->chunk_of_[i]] = true;
  }
  for (std::size_t i = 0; i < needed.size(); ++i) {
    if (!needed[i]) chunks[i] = nullptr;
  }
  return Ok{};
}

void PoolSet::Build::candidates() {
  set->candidates.resize(settings.instances.size());
  for (uint32_t i = 0; i < set->entries.size(); ++i) {
    auto& entry = set->entries[i];
    if (entry.state == nullptr || !entry.open) continue;
    const auto& pool = set->pools[entry.pool];
    if (pool.map != nullptr) continue;
    auto& candidates = set->candidates[pool.instance];
    for (unsigned p = 0; p < kPoolProtocols; ++p) {
      entry.place[p] = candidates.room[p]++;
      candidates.list[p].push_back(i);
    }
  }
}

Result<std::unique_ptr<PoolSet>> PoolSet::make(const Settings& settings,
                                               const steer::Ownership& ownership, unsigned worker,
                                               const PoolSet* running) {
  Build build{settings, ownership, worker, running};
  if (auto done = build.pools(); !done) return done.error();
  if (auto done = build.memory(); !done) return done.error();
  build.candidates();
  return std::move(build.set);
}

uint32_t PoolSet::find(net::Ip4 address) const {
  const uint32_t host = address.host();
  // The last range that does not begin after the address.
  std::size_t low = 0, high = ranges_.size();
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (ranges_[middle].first <= host) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0 || host > ranges_[low - 1].last) return kNone;
  const Range& range = ranges_[low - 1];
  return numbers_[range.start + (host - range.first)];
}

std::size_t PoolSet::port_bytes() const {
  std::size_t bytes = 0;
  for (const auto& chunk : chunks_) bytes += chunk == nullptr ? 0 : chunk->arena.size();
  return bytes;
}

std::size_t PoolSet::rest_bytes() const {
  std::size_t bytes = 0;
  for (const auto& pool : pools) bytes += pool.state->arena.size();
  return bytes;
}

void PoolSet::touch() {
  for (const auto& chunk : chunks_) {
    if (chunk != nullptr) chunk->arena.touch();
  }
  for (const auto& pool : pools) pool.state->arena.touch();
}

std::size_t PoolSet::need(const Settings& settings, const steer::Ownership& ownership) {
  const std::size_t workers = ownership.workers();
  std::size_t ports = 0, rest = 0;
  for (const auto& instance : settings.instances) {
    for (const auto& pool : instance.pools) {
      std::size_t addresses = 0;
      for (const auto* ranges : {&pool.ranges, &pool.closed}) {
        for (const auto& range : *ranges) addresses += range.last.host() - range.first.host() + 1;
      }
      const bool divided = pool.allocation == Allocation::kDeterministic ||
                           ownership.mode4() == steer::Mode4::kByPortBlock;
      ports += addresses * (divided ? workers : 1) * (bytes_of(pool) + sizeof(PoolAddress));
      if (pool.allocation != Allocation::kDynamic) continue;
      rest += workers * Arena::mapped(Arena::need<HeldPort>(pool.hold_down_ports));
    }
  }
  return ports + workers * (Arena::mapped(1) - 1) + rest;
}

}  // namespace isthmus::nat
