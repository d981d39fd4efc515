// SPDX-License-Identifier: BSD-3-Clause
// hot path
// From addresses to the value of the longest prefix that holds them; thousands of prefixes.
//
// Theory of operation. build() lays the prefixes out flat: wherever the answer changes along the
// address space, a start and the value from there on. find() is a binary search over the starts,
// which stand side by side: fifteen steps for ten thousand prefixes. Immutable after build().
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "net/addr.h"

namespace isthmus::net {

__extension__ typedef unsigned __int128 Uint128;

inline uint32_t map_key(Ip4 a) {
  return a.host();
}
inline Uint128 map_key(const Ip6& a) {
  return Uint128{__builtin_bswap64(a.raw_high())} << 64 | __builtin_bswap64(a.raw_low());
}

template <class Prefix>
class PrefixMap {
 public:
  using Address = decltype(Prefix::address);
  using Key = decltype(map_key(std::declval<Address>()));
  /// What find() says where no prefix is.
  static constexpr uint8_t kNone = 0;

  /// Of two equal prefixes the one added later counts.
  void add(const Prefix& prefix, uint8_t value) { entries_.push_back({prefix, value}); }
  void build();

  bool empty() const { return starts_.empty(); }
  uint8_t find(const Address& address) const {
    if (starts_.empty()) return kNone;
    const auto at = std::upper_bound(starts_.begin(), starts_.end(), map_key(address));
    return values_[static_cast<std::size_t>(at - starts_.begin() - 1)];
  }
  /// Whether they answer alike; both are built.
  friend bool operator==(const PrefixMap& a, const PrefixMap& b) {
    return a.starts_ == b.starts_ && a.values_ == b.values_;
  }

 private:
  static constexpr unsigned kBits = sizeof(Key) * 8;
  struct Entry {
    Prefix prefix;
    uint8_t value;
    Key first() const { return map_key(prefix.address); }
    Key last() const {
      const auto host = kBits - prefix.length;
      return first() | (host == kBits ? ~Key{0} : static_cast<Key>((Key{1} << host) - 1));
    }
  };
  void change_at(Key start, uint8_t value);

  std::vector<Entry> entries_;
  std::vector<Key> starts_;
  std::vector<uint8_t> values_;
};

template <class Prefix>
void PrefixMap<Prefix>::change_at(Key start, uint8_t value) {
  if (!starts_.empty() && starts_.back() == start) {
    values_.back() = value;
  } else {
    starts_.push_back(start);
    values_.push_back(value);
  }
}

template <class Prefix>
void PrefixMap<Prefix>::build() {
  starts_.clear();
  values_.clear();
  if (entries_.empty()) return;
  std::stable_sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    return a.first() != b.first() ? a.first() < b.first() : a.prefix.length < b.prefix.length;
  });
  change_at(0, kNone);
  std::vector<const Entry*> around;  // the prefixes that hold the present address, nested
  const auto close = [&] {
    const Key last = around.back()->last();
    around.pop_back();
    if (last != ~Key{0}) {
      change_at(last + 1, around.empty() ? kNone : around.back()->value);
    }
  };
  for (const auto& entry : entries_) {
    while (!around.empty() && around.back()->last() < entry.first()) close();
    change_at(entry.first(), entry.value);
    around.push_back(&entry);
  }
  while (!around.empty()) close();
  entries_ = {};
}

}  // namespace isthmus::net
