// SPDX-License-Identifier: BSD-3-Clause
// Longest-prefix match, of addresses of one family.
//
// Theory of operation. Built once and never changed, so any number of threads may read it. All
// prefixes lie in one hash table with open addressing, at most half full; a prefix hashes by its
// address and its length. find() tries the lengths in use, longest first: one cache line for each.
// Tables of mappings have one or two lengths, whatever their size. Only who builds the table
// chooses its keys, so a sender cannot make its chains long.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "net/addr.h"
#include "net/hash.h"

namespace isthmus::net {

inline Ip4 mask4(uint8_t length) {
  return Ip4::from_host(Ip4Prefix{{}, length}.mask());
}
/// `length` ones, then zeros.
inline Ip6 mask6(uint8_t length) {
  Ip6 ones;
  ones.bytes.fill(0xff);
  return prefix_of(ones, length).address;
}

inline Ip4 operator&(Ip4 a, Ip4 b) {
  return {Be32::from_raw(a.value.raw() & b.value.raw())};
}
inline Ip6 operator&(const Ip6& a, const Ip6& b) {
  const uint64_t words[2] = {a.raw_high() & b.raw_high(), a.raw_low() & b.raw_low()};
  Ip6 out;
  std::memcpy(&out, words, sizeof out);
  return out;
}

template <class Address, class Value>
class PrefixTable {
 public:
  struct alignas(32) Entry {
    Address address;
    uint8_t length = 0;
    bool used = false;
    Value value;
  };

  PrefixTable() = default;
  /// Each prefix once, its address masked.
  explicit PrefixTable(const std::vector<Entry>& entries) {
    if (entries.empty()) return;
    slots_.resize(std::bit_ceil(2 * entries.size()));
    for (const auto& entry : entries) {
      uint64_t at = hash(entry.address, entry.length);
      while (slot(at).used) ++at;
      slot(at) = entry;
      slot(at).used = true;
      add_level(entry.length);
    }
    size_ = entries.size();
  }

  /// The entry of the longest prefix that holds `address`, or nullptr.
  const Entry* find(const Address& address) const {
    for (const Level& level : levels_) {
      const Address key = address & level.mask;
      for (uint64_t at = hash(key, level.length); slot(at).used; ++at) {
        if (slot(at).length == level.length && slot(at).address == key) return &slot(at);
      }
    }
    return nullptr;
  }
  /// Fetches what find() looks at first.
  void prefetch(const Address& address) const {
    if (levels_.empty()) return;
    __builtin_prefetch(&slot(hash(address & levels_[0].mask, levels_[0].length)));
  }

  std::size_t size() const { return size_; }
  std::size_t bytes() const { return slots_.size() * sizeof(Entry); }
  /// Of different lengths; find() costs as many cache lines at most.
  std::size_t lengths() const { return levels_.size(); }
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& entry : slots_) {
      if (entry.used) visit(entry);
    }
  }

 private:
  struct Level {
    Address mask;
    uint8_t length;
  };

  static uint64_t hash(Ip4 address, uint8_t length) {
    return hash_words(HashKey{}, address.value.raw(), length);
  }
  static uint64_t hash(const Ip6& address, uint8_t length) {
    return hash_ip6(HashKey{}, address, length);
  }
  static Ip4 mask_of(Ip4, uint8_t length) { return mask4(length); }
  static Ip6 mask_of(const Ip6&, uint8_t length) { return mask6(length); }

  Entry& slot(uint64_t at) { return slots_[at & (slots_.size() - 1)]; }
  const Entry& slot(uint64_t at) const { return slots_[at & (slots_.size() - 1)]; }

  void add_level(uint8_t length) {
    const auto at = std::find_if(levels_.begin(), levels_.end(),
                                 [&](const Level& level) { return level.length <= length; });
    if (at != levels_.end() && at->length == length) return;
    levels_.insert(at, {mask_of(Address{}, length), length});
  }

  std::vector<Entry> slots_;
  std::vector<Level> levels_;  ///< longest first
  std::size_t size_ = 0;
};

}  // namespace isthmus::net
