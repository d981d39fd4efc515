// SPDX-License-Identifier: BSD-3-Clause
// hot path
// The part of Pools that grants ports in blocks.
#include "nat/pools.h"
#include "nat/port_bits.h"

namespace isthmus::nat {

using telemetry::Counter;

Grant Pools::allocate_in_blocks(uint32_t& index, const PortWish& wish, Random& random,
                                net::Be16& port) {
  const auto& rules = entry_of(index).rules;
  const unsigned p = protocol_index(wish.protocol);
  auto& holding = holdings_[wish.subscriber];
  uint32_t found;
  const auto done = [&](uint32_t block) {
    index = address_of_ref(block);
    const auto& entry = set_->entries[index];
    entry.state->used(p)[found / 64] |= uint64_t{1} << found % 64;
    ++set_->pools[entry.pool].state->used[p];
    use_block(entry.state->blocks[block_of_ref(block)], block, p);
    port = net::Be16(static_cast<uint16_t>(found));
    return Grant::kDone;
  };
  const uint32_t own = find_in_blocks(holding, index, wish, random, found);
  if (own != kNone) return done(own);
  if (holding.count >= rules.blocks_per_subscriber) return Grant::kLimit;
  const uint32_t block = grant_block(index, wish, random);
  if (block == kNone) return Grant::kFull;
  const bool any_parity = !minds_parity(p) || !rules.preserve_parity;
  pick_in_block(block, wish, random, any_parity, found);  // a new block has ports of every kind
  return done(block);
}

// In one of those that the subscriber has.
uint32_t Pools::find_in_blocks(const Holding& holding, uint32_t index, const PortWish& wish,
                               Random& random, uint32_t& port) const {
  const auto& rules = entry_of(index).rules;
  const bool minds = minds_parity(protocol_index(wish.protocol)) && rules.preserve_parity;
  // A port of the wrong parity is worth less than a block: parity is a SHOULD, blocks are few.
  for (const bool any_parity : {!minds, true}) {
    uint32_t block = holding.first;
    for (uint32_t i = 0; i < holding.count; ++i, block = block_at(block).next) {
      const uint32_t at = address_of_ref(block);
      if (at != index && !(rules.soft_pairing && set_->entries[at].open)) continue;
      if (pick_in_block(block, wish, random, any_parity, port)) return block;
    }
  }
  return kNone;
}

Grant Pools::foresee_in_blocks(uint32_t& index, const PortWish& wish, Random& random,
                               net::Be16& port) const {
  const auto& rules = entry_of(index).rules;
  const Holding holding = wish.subscriber == kNone ? Holding{} : holdings_[wish.subscriber];
  uint32_t found;
  uint32_t block = find_in_blocks(holding, index, wish, random, found);
  if (block == kNone) {
    if (holding.count >= rules.blocks_per_subscriber) return Grant::kLimit;
    const auto& address = *set_->entries[index].state;
    if (address.free_block_count == 0) return Grant::kFull;
    block = block_ref(index, address.free_blocks[random.below(address.free_block_count)]);
    const bool minds = minds_parity(protocol_index(wish.protocol)) && rules.preserve_parity;
    pick_in_block(block, wish, random, !minds, found);
  }
  index = address_of_ref(block);
  port = net::Be16(static_cast<uint16_t>(found));
  return Grant::kDone;
}

// RFC 6888 REQ-15: hard to guess, also inside a block.
bool Pools::pick_in_block(uint32_t block, const PortWish& wish, Random& random, bool any_parity,
                          uint32_t& port) const {
  const unsigned p = protocol_index(wish.protocol);
  const auto& entry = set_->entries[address_of_ref(block)];
  const unsigned shift = set_->pools[entry.pool].block_shift;
  if (entry.state->blocks[block_of_ref(block)].used[p] >> shift != 0) return false;
  const uint64_t* used = entry.state->used(p);
  const uint32_t first = block_of_ref(block) << shift;
  const uint32_t last = first + (1u << shift) - 1;
  const unsigned parity =
      any_parity ? static_cast<unsigned>(random.next() & 1) : wish.inside_port.host() & 1;
  return pick_clear(used, first, last, parity, random, port) ||
         (any_parity && pick_clear(used, first, last, parity ^ 1, random, port));
}

void Pools::tell(EventKind kind, uint32_t block, const net::Ip6& prefix) {
  const uint32_t index = address_of_ref(block);
  const auto& pool = entry_of(index);
  Event event;
  event.kind = kind;
  event.instance = pool.instance;
  event.pool = pool.number;
  event.inside = prefix;
  event.subscriber_length = subscriber_length_;
  event.outside = address(index);
  const auto first = static_cast<uint16_t>(block_of_ref(block) << pool.block_shift);
  event.outside_port = net::Be16(first);
  event.outside_last = net::Be16(static_cast<uint16_t>(first + pool.rules.block_size - 1));
  events_.tell(event);
}

uint32_t Pools::grant_block(uint32_t index, const PortWish& wish, Random& random) {
  auto& address = *set_->entries[index].state;
  if (address.free_block_count == 0) return kNone;
  uint16_t& place = address.free_blocks[random.below(address.free_block_count)];
  const uint32_t ref = block_ref(index, place);
  place = address.free_blocks[--address.free_block_count];
  auto& holding = holdings_[wish.subscriber];
  holding.prefix = wish.prefix;
  PortBlock& block = block_at(ref);
  block = {};
  block.holder = wish.subscriber + 1;
  block.next = holding.first;
  holding.first = ref;
  ++holding.count;
  ++entry_of(index).state->blocks_granted;
  counters_.add(Counter::kBlocksGranted);
  if (events_.wants(EventKind::kPortBlockGranted)) {
    tell(EventKind::kPortBlockGranted, ref, wish.prefix);
  }
  return ref;
}

void Pools::use_block(PortBlock& block, uint32_t ref, unsigned protocol) {
  if (block.rests) end_rest(ref);
  ++block.used[protocol];
}

void Pools::leave_block(uint32_t index, unsigned protocol, uint32_t port) {
  const auto& entry = set_->entries[index];
  const auto& rules = set_->pools[entry.pool].rules;
  const uint32_t ref = block_ref(index, port >> set_->pools[entry.pool].block_shift);
  PortBlock& block = block_at(ref);
  entry.state->used(protocol)[port / 64] &= ~(uint64_t{1} << port % 64);
  --block.used[protocol];
  if (!block.is_empty()) return;
  // On a closed address it has no use any more.
  if (rules.block_release_delay == 0 || !entry.open) {
    return_block(ref);
  } else {
    start_rest(ref);
  }
}

void Pools::start_rest(uint32_t ref) {
  PortBlock& block = block_at(ref);
  auto& state = *entry_of(address_of_ref(ref)).state;
  block.rests = true;
  block.free_since_ms = now_ms_;
  block.rests_after = state.newest_rest;
  block.rests_before = kNone;
  if (state.newest_rest != kNone) {
    block_at(state.newest_rest).rests_before = ref;
  } else {
    state.oldest_rest = ref;
  }
  state.newest_rest = ref;
  ++state.blocks_resting;
}

void Pools::end_rest(uint32_t ref) {
  PortBlock& block = block_at(ref);
  auto& state = *entry_of(address_of_ref(ref)).state;
  block.rests = false;
  (block.rests_after != kNone ? block_at(block.rests_after).rests_before : state.oldest_rest) =
      block.rests_before;
  (block.rests_before != kNone ? block_at(block.rests_before).rests_after : state.newest_rest) =
      block.rests_after;
  --state.blocks_resting;
}

uint32_t Pools::due_block(const PoolSet::PoolEntry& pool) const {
  const uint32_t oldest = pool.state->oldest_rest;
  if (oldest == kNone) return kNone;
  const uint32_t age = now_ms_ - block_at(oldest).free_since_ms;
  return age >= pool.rules.block_release_delay * 1000 ? oldest : kNone;
}

uint32_t Pools::resting_block_of(uint32_t index) const {
  const auto& entry = set_->entries[index];
  if (entry.state == nullptr || entry.open || entry.state->blocks == nullptr) return kNone;
  for (const uint16_t number : set_->pools[entry.pool].layout.blocks) {
    if (entry.state->blocks[number].rests) return block_ref(index, number);
  }
  return kNone;
}

// The subscriber that had it.
uint32_t Pools::return_block(uint32_t ref) {
  PortBlock& block = block_at(ref);
  if (block.rests) end_rest(ref);
  const uint32_t subscriber = block.holder - 1;
  auto& holding = holdings_[subscriber];
  uint32_t* link = &holding.first;
  while (*link != ref) link = &block_at(*link).next;
  *link = block.next;
  --holding.count;
  block.holder = 0;
  const uint32_t index = address_of_ref(ref);
  auto& address = *set_->entries[index].state;
  address.free_blocks[address.free_block_count++] = static_cast<uint16_t>(block_of_ref(ref));
  for (unsigned p = 0; p < kPoolProtocols; ++p) promote(index, p);
  --entry_of(index).state->blocks_granted;
  counters_.add(Counter::kBlocksReturned);
  if (events_.wants(EventKind::kPortBlockReturned)) {
    tell(EventKind::kPortBlockReturned, ref, holding.prefix);
  }
  return subscriber;
}

}  // namespace isthmus::nat
