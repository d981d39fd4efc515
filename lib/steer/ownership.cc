// SPDX-License-Identifier: BSD-3-Clause
#include "steer/ownership.h"

#include <algorithm>
#include <cassert>
#include <random>

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

}  // namespace

Ownership Ownership::make(unsigned workers, uint64_t seed, const std::vector<AddressRange>& pool,
                          Rules rules) {
  assert(workers >= 1 && workers <= kMaxWorkers);
  Ownership map;
  map.workers_ = workers;
  map.reciprocal_ = ~uint64_t{0} / workers + 1;
  for (const auto& range : pool) {
    if (range.last.host() - range.first.host() + 1 < workers) map.mode4_ = Mode4::kByPortBlock;
  }
  map.deal_slots(seed);
  map.make_key(seed, std::clamp<unsigned>(rules.subscriber_length, 1, 64));
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
    if (set) key_[bit / 8] = static_cast<uint8_t>(key_[bit / 8] | 0x80 >> bit % 8);
  }
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

unsigned Ownership::owner_of_address(net::Ip4 address) const {
  const uint32_t value = address.host() + rotation_;
  // value % workers_ by two multiplications (Lemire, Kaser, Kurz 2019); exact below 2^32.
  __extension__ using Wide = unsigned __int128;
  return static_cast<unsigned>(static_cast<Wide>(reciprocal_ * value) * workers_ >> 64);
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
