// SPDX-License-Identifier: BSD-3-Clause
#include "steer/ownership.h"

#include <algorithm>
#include <cassert>
#include <random>
#include <set>

#include "net/hash.h"
#include "steer/toeplitz.h"

namespace isthmus::steer {
namespace {

constexpr unsigned kWellKnownPorts = 1024;
constexpr unsigned kWellKnownShift = 4;  // 64 blocks of 16: one for each possible worker
constexpr unsigned kLargestShift = 9;    // 128 blocks of 512: one entry each of the smallest table
constexpr unsigned kSmallestShift = 1;   // a block holds both parities

// Hash bit j is the XOR, over set input bits i, of key bit i + 31 - j. For i >= bits and j <
// kSlotBits to have no influence, key bits from bits + 31 - (kSlotBits - 1) on must be zero.
constexpr unsigned last_key_bit(unsigned bits) {
  return bits - 1 + 31 - (kSlotBits - 1);
}

void set_bit(std::array<uint8_t, 40>& key, unsigned bit) {
  key[bit / 8] = static_cast<uint8_t>(key[bit / 8] | 0x80 >> bit % 8);
}

bool bit_of(const std::array<uint8_t, 40>& key, unsigned bit) {
  return (key[bit / 8] >> (7 - bit % 8) & 1) != 0;
}

// How many bits of the slot input bits [first, end) move independently of each other.
unsigned rank(const std::array<uint8_t, 40>& key, unsigned first, unsigned end) {
  std::array<unsigned, kSlotBits> rows{};  // by highest bit
  unsigned count = 0;
  for (unsigned i = first; i < end; ++i) {
    unsigned row = 0;
    for (unsigned j = 0; j < kSlotBits; ++j) row |= unsigned{bit_of(key, i + 31 - j)} << j;
    for (unsigned j = kSlotBits; j-- > 0 && row != 0;) {
      if ((row >> j & 1) == 0) continue;
      if (rows[j] == 0) {
        rows[j] = row;
        ++count;
        break;
      }
      row ^= rows[j];
    }
  }
  return count;
}

// Providers give each customer a /56 or a /48, of which the last bits of the /64 are zero.
bool spreads(const std::array<uint8_t, 40>& key) {
  return rank(key, 40, 56) == kSlotBits && rank(key, 48, 56) >= 4;
}

unsigned slot4(const std::array<uint8_t, 40>& key, uint32_t destination) {
  std::array<uint8_t, 8> input{};
  for (unsigned i = 0; i < 4; ++i) input[4 + i] = static_cast<uint8_t>(destination >> (24 - 8 * i));
  return toeplitz(key, input) & (kSlots - 1);
}

}  // namespace

Ownership Ownership::make(unsigned workers, uint64_t seed, const std::vector<AddressRange>& pool,
                          Rules rules) {
  assert(workers >= 1 && workers <= kMaxWorkers);
  Ownership map;
  map.workers_ = workers;
  map.reciprocal_ = ~uint64_t{0} / workers + 1;
  map.deal_slots(seed);
  for (const auto& range : pool) {
    if (!map.covers(range)) map.mode4_ = Mode4::kByPortBlock;
  }
  const auto bits = std::clamp<unsigned>(rules.subscriber_length, 1, 64);
  if (bits != 64 || map.mode4_ != Mode4::kByAddress || !map.make_key_for_both(seed, pool)) {
    map.make_key(seed, bits);
  }
  map.make_tables();
  if (map.mode4_ == Mode4::kByPortBlock) map.deal_blocks(rules.narrowest, rules.largest_block);
  map.deterministic_ = std::move(rules.deterministic);
  return map;
}

// As even as it gets, in an order that an outsider does not know.
void Ownership::deal_slots(uint64_t seed) {
  for (unsigned i = 0; i < kSlots; ++i) slot_owner_[i] = static_cast<uint8_t>(i % workers_);
  std::mt19937_64 random(seed ^ 0x51075);
  std::shuffle(slot_owner_.begin(), slot_owner_.end(), random);
  rotation_ = static_cast<unsigned>(random() % workers_);
  remote_key_ = random();
}

void Ownership::make_key(uint64_t seed, unsigned bits) {
  std::mt19937_64 random(seed ^ 0x2557e);
  const unsigned last = last_key_bit(bits);
  // The last possible bit is always set, so that the last kSlotBits bits of the prefix map one to
  // one to slots: neighbouring subscribers spread evenly.
  for (unsigned bit = 0; bit <= last; ++bit) {
    const bool set = bit == last || (random() & 1) != 0;
    if (set) set_bit(key_, bit);
  }
}

// Hash bits j < kSlotBits take input bit i with key bit i + 31 - j. Key bits from 63 to 81
// therefore see input bits 32 to 56 only, bit 88 alone input bits 57 to 63: in IPv4 all but the
// last seven bits of the destination, and those; in IPv6 the same bits of the source.
bool Ownership::make_key_for_both(uint64_t seed, const std::vector<AddressRange>& pool) {
  constexpr unsigned kFirst = 63, kLast = 81, kLow = last_key_bit(64);
  constexpr unsigned kTries = 4096, kMostParts = 4096;
  std::set<uint32_t> parts;  // pool addresses without their low bits
  for (const auto& range : pool) {
    for (uint64_t part = range.first.host() / kSlots; part <= range.last.host() / kSlots; ++part) {
      parts.insert(static_cast<uint32_t>(part));
      if (parts.size() > kMostParts) return false;
    }
  }
  std::mt19937_64 random(seed ^ 0x2557e);
  for (unsigned i = 0; i < kTries; ++i) {
    key_ = {};
    set_bit(key_, kLow);
    for (unsigned bit = kFirst; bit <= kLast; ++bit) {
      if ((random() & 1) != 0) set_bit(key_, bit);
    }
    if (!spreads(key_)) continue;
    const unsigned common = parts.empty() ? 0 : slot4(key_, *parts.begin() * kSlots);
    const auto agrees = [&](uint32_t part) { return slot4(key_, part * kSlots) == common; };
    if (!std::all_of(parts.begin(), parts.end(), agrees)) continue;
    for (unsigned slot = 0; slot < kSlots; ++slot) {
      const auto address = net::Ip4::from_host(reverse_slot(slot ^ common));
      slot_owner_[slot] = static_cast<uint8_t>(owner_of_address(address));
    }
    key_for_both_ = true;
    return true;
  }
  key_ = {};
  return false;
}

void Ownership::make_tables() {
  for (unsigned octet = 0; octet < toeplitz_.size(); ++octet) {
    auto& table = toeplitz_[octet];
    for (unsigned value = 1; value < 256; ++value) {
      const unsigned lowest = value & (~value + 1);
      if (value != lowest) {
        table[value] = table[lowest] ^ table[value ^ lowest];
        continue;
      }
      std::array<uint8_t, 8> input{};
      input[octet] = static_cast<uint8_t>(value);
      table[value] = static_cast<uint8_t>(toeplitz(key_, input) & (kSlots - 1));
    }
  }
}

void Ownership::deal_blocks(PortRange narrowest, unsigned largest) {
  const unsigned ports = narrowest.last - narrowest.first + 1u;
  unsigned shift = kLargestShift;
  // Two blocks for each worker, counting only those that lie wholly inside the range.
  while (shift > kSmallestShift && (ports >> shift) < 2 * workers_ + 1) --shift;
  // What a pool grants as one block must be one worker's.
  while ((1u << shift) < largest) ++shift;
  block_shift_ = std::min(shift, kWellKnownShift);
  block_owner_.resize(65536u >> block_shift_);
  for (unsigned block = 0; block < block_owner_.size(); ++block) {
    const unsigned port = block << block_shift_;
    const unsigned turn = port < kWellKnownPorts ? block : port >> shift;
    block_owner_[block] = static_cast<uint8_t>((turn + rotation_) % workers_);
  }
}

bool Ownership::covers(const AddressRange& range) const {
  std::set<unsigned> owners;
  const uint64_t end =
      std::min<uint64_t>(uint64_t{range.first.host()} + kSlots, uint64_t{range.last.host()} + 1);
  for (uint64_t host = range.first.host(); host < end && owners.size() < workers_; ++host) {
    owners.insert(owner_of_address(net::Ip4::from_host(static_cast<uint32_t>(host))));
  }
  return owners.size() == workers_;
}

unsigned Ownership::owner_of_address(net::Ip4 address) const {
  const uint32_t value = address.host() % kSlots + rotation_;
  // value % workers_ by two multiplications (Lemire, Kaser, Kurz 2019); exact below 2^32.
  __extension__ using Product = unsigned __int128;
  return static_cast<unsigned>(static_cast<Product>(reciprocal_ * value) * workers_ >> 64);
}

unsigned Ownership::owner_of_remote(net::Ip4 remote, uint8_t protocol) const {
  const net::HashKey key{remote_key_};
  const uint64_t hash = net::hash_words(key, remote.value.raw(), protocol);
  return static_cast<unsigned>((hash >> 32) * workers_ >> 32);
}

const DeterministicMap* Ownership::map_of(net::Ip4 address) const {
  for (const auto& map : deterministic_) {
    if (map.has(address)) return &map;
  }
  return nullptr;
}

unsigned Ownership::owner_of_deterministic(net::Ip4 address, uint16_t port) const {
  const DeterministicMap* map = map_of(address);
  if (map == nullptr) return kNobody;
  // A cell that is nobody's carries nothing; any worker may say so.
  const auto subscriber = map->subscriber_of(address, port);
  return subscriber ? owner6(subscriber->address) : 0;
}

std::vector<Ownership::PortRange> Ownership::ports_of(unsigned worker, net::Ip4 address) const {
  std::vector<PortRange> out;
  if (mode4_ == Mode4::kByAddress) {
    if (owner_of_address(address) == worker) out.push_back({0, 65535});
    return out;
  }
  for (unsigned block = 0; block < block_owner_.size(); ++block) {
    if (block_owner_[block] != worker) continue;
    const unsigned first = block << block_shift_;
    const unsigned last = first + (1u << block_shift_) - 1;
    if (!out.empty() && out.back().last + 1u == first) {
      out.back().last = static_cast<uint16_t>(last);
    } else {
      out.push_back({static_cast<uint16_t>(first), static_cast<uint16_t>(last)});
    }
  }
  return out;
}

}  // namespace isthmus::steer
