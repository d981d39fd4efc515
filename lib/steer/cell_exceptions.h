// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Pool cells that belong to another worker than the map says: those of static bindings.
//
// Theory of operation. A static binding's cell must belong to the worker of its inside host, so
// that one cell, or whole address, changes owner. Exceptions are few or none. Without any, a packet
// pays for a test of a count. With some, it looks into a hash table of 64-bit words. Only the
// control core writes, a word at a time; workers read without locks. A worker that reads an old
// word hands the packet to the old owner, which drops it: no packet is translated wrongly, a few at
// the moment of the change are lost. Removed places are marked, not emptied, so that searches go on
// past them; they are used again.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "net/addr.h"

namespace isthmus::steer {

class CellExceptions {
 public:
  static constexpr unsigned kNone = ~0u;
  static constexpr unsigned kCapacity = 8192;

  CellExceptions() : places_(new std::atomic<uint64_t>[kPlaces]()) {}

  // --- workers
  bool empty() const { return count_.load(std::memory_order_relaxed) == 0; }
  /// Whether ports of some address have different owners, whatever the map says.
  bool has_cells() const { return cells_.load(std::memory_order_relaxed) != 0; }
  /// The worker, or kNone if the map is right.
  unsigned find(net::Ip4 address, uint16_t port, uint8_t protocol) const {
    const unsigned place = place_of(key_of(address, port, protocol));
    if (place != kNone) return worker_at(place);
    const unsigned whole = place_of(key_of(address, 0, 0));
    return whole == kNone ? kNone : worker_at(whole);
  }

  // --- control core
  /// `protocol` 0: the whole address; `port` is 0 then. False if there are too many.
  bool set(net::Ip4 address, uint16_t port, uint8_t protocol, unsigned worker) {
    const uint64_t key = key_of(address, port, protocol);
    unsigned place = place_of(key);
    if (place == kNone) {
      if (count_ == kCapacity) return false;
      place = home(key);
      while (is_used(places_[place])) place = next(place);
      ++(protocol == 0 ? count_ : cells_);
      if (protocol != 0) ++count_;
    }
    places_[place].store(key | (worker + 1), std::memory_order_release);
    return true;
  }
  void clear(net::Ip4 address, uint16_t port, uint8_t protocol) {
    const unsigned place = place_of(key_of(address, port, protocol));
    if (place == kNone) return;
    places_[place].store(kRemoved, std::memory_order_release);
    --count_;
    if (protocol != 0) --cells_;
  }

 private:
  static constexpr unsigned kPlaces = 2 * kCapacity;
  static constexpr uint64_t kRemoved = ~uint64_t{0xff};  ///< of no address: worker octet 0

  // Address, port, protocol, and in the lowest octet the worker plus one.
  static uint64_t key_of(net::Ip4 address, uint16_t port, uint8_t protocol) {
    return uint64_t{address.host()} << 32 | uint64_t{port} << 16 | uint64_t{protocol} << 8;
  }
  static bool is_used(const std::atomic<uint64_t>& place) {
    return (place.load(std::memory_order_relaxed) & 0xff) != 0;
  }
  static unsigned home(uint64_t key) {
    return static_cast<unsigned>((key * 0x9e3779b97f4a7c15) >> 50) % kPlaces;
  }
  static unsigned next(unsigned place) { return (place + 1) % kPlaces; }
  unsigned worker_at(unsigned place) const {
    // It may have been removed since it was found.
    const auto octet = static_cast<unsigned>(places_[place].load(std::memory_order_relaxed) & 0xff);
    return octet == 0 ? kNone : octet - 1;
  }
  unsigned place_of(uint64_t key) const {
    unsigned place = home(key);
    for (unsigned step = 0; step < kPlaces; ++step, place = next(place)) {
      const uint64_t word = places_[place].load(std::memory_order_acquire);
      if (word == 0) return kNone;
      if ((word & 0xff) != 0 && (word & ~uint64_t{0xff}) == key) return place;
    }
    return kNone;
  }

  std::unique_ptr<std::atomic<uint64_t>[]> places_;
  std::atomic<unsigned> count_{0};  ///< all
  std::atomic<unsigned> cells_{0};  ///< of single ports
};

}  // namespace isthmus::steer
