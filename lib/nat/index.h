// SPDX-License-Identifier: BSD-3-Clause
// hot path
// From the hash of a key to the number of a record. Fixed capacity; holds no keys.
//
// Theory of operation. A bucket is one cache line: twelve 8-bit tags, twelve 32-bit record numbers,
// and a count of entries that wanted to live here but had to go on to a later bucket. A lookup
// compares twelve tags at once and asks the caller whether the record behind a matching tag is the
// one. When the count is zero, as it nearly always is, the search ends after this one line, also
// for keys that are absent. The home bucket is hash * buckets / 2^32, so their number need not be a
// power of two and memory follows the configured capacity.
#pragma once

#include <emmintrin.h>

#include <cstdint>

#include "nat/arena.h"

namespace isthmus::nat {

class Index {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};
  static constexpr unsigned kPlaces = 12;

  struct alignas(64) Bucket {
    uint8_t tag[kPlaces];
    uint32_t overflow;
    uint32_t record[kPlaces];

    unsigned match(uint8_t wanted) const {
      const __m128i line = _mm_load_si128(reinterpret_cast<const __m128i*>(tag));
      const __m128i equal = _mm_cmpeq_epi8(line, _mm_set1_epi8(static_cast<char>(wanted)));
      return static_cast<unsigned>(_mm_movemask_epi8(equal)) & ((1u << kPlaces) - 1);
    }
    /// Of the matches, of which there are some.
    uint32_t first_of(unsigned hits) const { return record[__builtin_ctz(hits)]; }
  };
  static_assert(sizeof(Bucket) == 64);

  static std::size_t need(uint32_t capacity) { return Arena::need<Bucket>(buckets_for(capacity)); }
  bool init(Arena& arena, uint32_t capacity) {
    count_ = buckets_for(capacity);
    buckets_ = arena.take<Bucket>(count_);
    return buckets_ != nullptr;
  }

  /// Where the search for a hash begins.
  const Bucket* bucket(uint64_t hash) const { return &buckets_[home(hash)]; }
  static uint8_t tag_of(uint64_t hash) {
    const auto tag = static_cast<uint8_t>(hash >> 56);
    return tag == kEmpty ? 1 : tag;
  }
  /// The first record whose tag matches in the home bucket, or kNone: worth prefetching, not yet
  /// known to be the right one.
  static uint32_t candidate(const Bucket* bucket, uint8_t tag) {
    const unsigned hits = bucket->match(tag);
    return hits == 0 ? kNone : bucket->first_of(hits);
  }
  uint32_t candidate(uint64_t hash) const { return candidate(bucket(hash), tag_of(hash)); }

  /// Where the search goes on when a bucket has overflowed.
  const Bucket* after(const Bucket* bucket) const {
    return bucket + 1 == buckets_ + count_ ? buckets_ : bucket + 1;
  }

  /// The record for which `equal(record)` holds, or kNone.
  template <class Equal>
  uint32_t find(uint64_t hash, Equal&& equal) const {
    const uint8_t tag = tag_of(hash);
    for (uint32_t at = home(hash);; at = next(at)) {
      const Bucket& bucket = buckets_[at];
      for (unsigned hits = bucket.match(tag); hits != 0; hits &= hits - 1) {
        const uint32_t record = bucket.record[__builtin_ctz(hits)];
        if (equal(record)) return record;
      }
      if (bucket.overflow == 0) return kNone;
    }
  }

  /// There must be room: the caller keeps to the capacity.
  void insert(uint64_t hash, uint32_t record) {
    uint32_t at = home(hash);
    unsigned free = buckets_[at].match(kEmpty);
    while (free == 0) {
      ++buckets_[at].overflow;
      at = next(at);
      free = buckets_[at].match(kEmpty);
    }
    const int place = __builtin_ctz(free);
    buckets_[at].tag[place] = tag_of(hash);
    buckets_[at].record[place] = record;
  }

  /// `record` must be there under `hash`.
  void erase(uint64_t hash, uint32_t record) {
    const uint8_t tag = tag_of(hash);
    for (uint32_t at = home(hash);; at = next(at)) {
      Bucket& bucket = buckets_[at];
      for (unsigned hits = bucket.match(tag); hits != 0; hits &= hits - 1) {
        const int place = __builtin_ctz(hits);
        if (bucket.record[place] != record) continue;
        bucket.tag[place] = kEmpty;
        return;
      }
      --bucket.overflow;
    }
  }

 private:
  static constexpr uint8_t kEmpty = 0;

  // At capacity seven of twelve places are taken in the mean, and one bucket in forty overflows.
  // (With nine it was one in eight. Whoever goes on to the next bucket waits for a line that nobody
  // has fetched: a new flow and an end, which look or write in ten places, took half as long
  // again.)
  static uint32_t buckets_for(uint32_t capacity) { return capacity / 7 + 2; }

  uint32_t home(uint64_t hash) const {
    return static_cast<uint32_t>((hash & 0xffffffff) * count_ >> 32);
  }
  uint32_t next(uint32_t at) const { return at + 1 == count_ ? 0 : at + 1; }

  Bucket* buckets_ = nullptr;
  uint64_t count_ = 0;
};

}  // namespace isthmus::nat
