// SPDX-License-Identifier: BSD-3-Clause
// The start, and cells that static bindings keep from being lent, on behalf of the control core.
#include <algorithm>

#include "nat/pools.h"

namespace isthmus::nat {

bool Pools::init(Arena& arena, const Settings& settings, std::unique_ptr<PoolSet> set) {
  set_ = std::move(set);
  subscriber_length_ = settings.subscriber_prefix_length;
  holding_count_ = settings.max_subscribers;
  holdings_ = arena.take<Holding>(holding_count_);
  return holdings_ != nullptr;
}

// Whether dynamic allocation may come to this port.
bool Pools::has(uint32_t index, uint32_t port) const {
  const auto& pool = set_->pools[set_->entries[index].pool];
  if (pool.rules.allocation != Allocation::kDynamic) return true;
  const auto& intervals = pool.layout.intervals[port >= 1024 ? 1 : 0];
  return std::any_of(intervals.begin(), intervals.end(), [port](const PoolSet::Interval& i) {
    return port >= i.first && port <= i.last;
  });
}

bool Pools::reserve(net::Ip4 address, uint8_t protocol, net::Be16 port) {
  const uint32_t index = find(address);
  const uint32_t host = port.host();
  if (index == kNone || !has(index, host)) return true;
  const unsigned p = protocol_index(protocol);
  auto& state = *set_->entries[index].state;
  if ((state.used(p)[host / 64] >> host % 64 & 1) != 0) return false;
  auto& pool = entry_of(index);
  if (pool.rules.allocation == Allocation::kDynamic) {
    mark(state, *pool.state, p, host);
    return true;
  }
  // A set bit is passed over, whoever has the block now or later; its count is of lent ports only.
  state.used(p)[host / 64] |= uint64_t{1} << host % 64;
  ++pool.state->used[p];
  return true;
}

void Pools::unreserve(net::Ip4 address, uint8_t protocol, net::Be16 port) {
  const uint32_t index = find(address);
  const uint32_t host = port.host();
  if (index == kNone || !has(index, host)) return;
  const unsigned p = protocol_index(protocol);
  auto& pool = entry_of(index);
  --pool.state->used[p];
  if (pool.rules.allocation == Allocation::kDynamic) return unmark(index, p, host);
  set_->entries[index].state->used(p)[host / 64] &= ~(uint64_t{1} << host % 64);
}

// What this worker may lend of an address, in each protocol. The ports of a deterministic pool are
// not counted by worker.
uint64_t Pools::ports_of(uint32_t index) const {
  const auto& pool = set_->pools[set_->entries[index].pool];
  switch (pool.rules.allocation) {
    case Allocation::kDynamic: return pool.layout.ports[0] + pool.layout.ports[1];
    case Allocation::kBlocks: return pool.layout.blocks.size() << pool.block_shift;
    case Allocation::kDeterministic: return 0;
  }
  return 0;
}

bool Pools::reserve_address(net::Ip4 address) {
  const uint32_t index = find(address);
  if (index == kNone) return true;
  auto& state = *set_->entries[index].state;
  auto& pool = entry_of(index);
  const bool blocks = pool.rules.allocation == Allocation::kBlocks;
  if (state.portless != 0) return false;
  if (blocks && state.free_block_count != pool.layout.blocks.size()) return false;
  for (unsigned p = 0; p < kPoolProtocols; ++p) {
    const uint64_t* used = state.used(p);
    if (std::any_of(used, used + PoolAddress::kWords, [](uint64_t word) { return word != 0; })) {
      return false;
    }
  }
  for (unsigned p = 0; p < kPoolProtocols; ++p) {
    std::fill_n(state.used(p), PoolAddress::kWords, ~uint64_t{0});
    state.free[p] = {};
    pool.state->used[p] += ports_of(index);
  }
  // The list of free blocks stays as it is behind its count.
  state.free_block_count = 0;
  return true;
}

bool Pools::lends(net::Ip4 address) const {
  const uint32_t index = find(address);
  if (index == kNone) return false;
  auto& state = *set_->entries[index].state;
  if (state.portless != 0) return true;
  uint32_t used = 0;
  for (unsigned p = 0; p < kPoolProtocols; ++p) {
    const uint64_t* words = state.used(p);
    for (unsigned i = 0; i < PoolAddress::kWords; ++i) {
      used += static_cast<uint32_t>(__builtin_popcountll(words[i]));
    }
  }
  return used > state.held;
}

Pools::Rest Pools::rest_of(net::Ip4 address) const {
  const uint32_t index = find(address);
  const auto& rules = entry_of(index).rules;
  if (rules.allocation != Allocation::kBlocks) return {"ports", rules.hold_down, "hold_down"};
  return {"port blocks", rules.block_release_delay, "block_release_delay"};
}

void Pools::unreserve_address(net::Ip4 address) {
  const uint32_t index = find(address);
  if (index == kNone) return;
  auto& state = *set_->entries[index].state;
  auto& pool = entry_of(index);
  state.free_block_count = static_cast<uint16_t>(pool.layout.blocks.size());
  for (unsigned p = 0; p < kPoolProtocols; ++p) {
    std::fill_n(state.used(p), PoolAddress::kWords, uint64_t{0});
    for (unsigned c = 0; c < kPortClasses; ++c) {
      state.free[p][c] = static_cast<uint16_t>(pool.layout.free[c]);
    }
    pool.state->used[p] -= ports_of(index);
    promote(index, p);
  }
}

}  // namespace isthmus::nat
