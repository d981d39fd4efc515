// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/cache.h"

#include <algorithm>
#include <bit>

namespace isthmus::dns64 {

Cache::Cache(uint32_t capacity, const net::HashKey& key) : hash_key_(key) {
  resize(capacity);
}

void Cache::resize(uint32_t capacity) {
  clear();
  capacity_ = capacity;
  buckets_.assign(std::bit_ceil(std::max<std::size_t>(capacity, 1) * 2), kNone);
  // Address space, not memory yet. Growing by copying would keep all clients waiting for a while.
  entries_ = {};
  entries_.reserve(capacity);
}

void Cache::clear() {
  entries_.clear();
  free_.clear();
  std::fill(buckets_.begin(), buckets_.end(), kNone);
  newest_ = oldest_ = kNone;
  used_ = bytes_ = 0;
}

uint64_t Cache::hash_of(const Key& key) const {
  const auto extra =
      static_cast<uint16_t>(key.view << 2 | key.dnssec_ok << 1 | int{key.checking_disabled});
  return hash_question(hash_key_, key.question, extra);
}

bool Cache::matches(const Entry& entry, uint64_t hash, const Key& key) const {
  if (entry.hash != hash || entry.dnssec_ok != key.dnssec_ok ||
      entry.checking_disabled != key.checking_disabled || entry.view != key.view) {
    return false;
  }
  const Bytes message = entry.answer.message;
  const Bytes name = key.question.name.wire();
  const std::size_t end = kHeaderSize + name.size();
  return message.size() >= end + 4 && get16(message, end) == key.question.type &&
         get16(message, end + 2) == key.question.klass &&
         equal_ignoring_case(message.subspan(kHeaderSize, name.size()), name);
}

uint32_t Cache::lookup(uint64_t hash, const Key& key) const {
  uint32_t index = buckets_[hash & (buckets_.size() - 1)];
  while (index != kNone && !matches(entries_[index], hash, key)) index = entries_[index].chain;
  return index;
}

void Cache::link_newest(uint32_t index) {
  Entry& entry = entries_[index];
  entry.newer = kNone;
  entry.older = newest_;
  (newest_ == kNone ? oldest_ : entries_[newest_].newer) = index;
  newest_ = index;
}

void Cache::unlink(uint32_t index) {
  const Entry& entry = entries_[index];
  (entry.newer == kNone ? newest_ : entries_[entry.newer].older) = entry.older;
  (entry.older == kNone ? oldest_ : entries_[entry.older].newer) = entry.newer;
}

void Cache::remove(uint32_t index) {
  Entry& entry = entries_[index];
  uint32_t* link = &bucket(entry.hash);
  while (*link != index) link = &entries_[*link].chain;
  *link = entry.chain;
  unlink(index);
  bytes_ -= cost(entry.answer);
  --used_;
  entry.answer = Answer();
  free_.push_back(index);
}

std::size_t Cache::cost(const Answer& answer) {
  return sizeof(Entry) + answer.message.size() + answer.ttl_offsets.size() * sizeof(uint16_t);
}

Cache::Hit Cache::find(const Key& key, TimeMs now) {
  const uint32_t index = lookup(hash_of(key), key);
  if (index == kNone) return {};
  if (now >= entries_[index].expires + stale_ms_) {
    remove(index);
    return {};
  }
  Entry& entry = entries_[index];
  if (index != newest_ && now - entry.moved >= kMoveAfter) {
    unlink(index);
    link_newest(index);
    entry.moved = now;
  }
  return {&entry.answer, static_cast<uint32_t>((now - entry.stored) / 1000), now >= entry.expires,
          now < entry.again, ++entry.uses};
}

void Cache::failed(const Key& key, TimeMs again) {
  const uint32_t index = lookup(hash_of(key), key);
  if (index != kNone) entries_[index].again = again;
}

unsigned Cache::remove_name(const Name& name) {
  std::vector<uint32_t> found;
  for (uint32_t i = newest_; i != kNone; i = entries_[i].older) {
    const Bytes message = entries_[i].answer.message;
    if (message.size() < kHeaderSize + name.size()) continue;
    if (equal_ignoring_case(message.subspan(kHeaderSize, name.size()), name.wire())) {
      found.push_back(i);
    }
  }
  for (const uint32_t index : found) remove(index);
  return static_cast<unsigned>(found.size());
}

unsigned Cache::insert(const Key& key, Answer answer, TimeMs now) {
  const std::size_t size = cost(answer);
  const std::size_t limit = capacity_ * kMeanBytes;
  if (capacity_ == 0 || answer.ttl == 0 || size > limit) return 0;
  const uint64_t hash = hash_of(key);
  if (const uint32_t old = lookup(hash, key); old != kNone) remove(old);

  unsigned evicted = 0;
  while (used_ >= capacity_ || bytes_ + size > limit) {
    remove(oldest_);
    ++evicted;
  }
  uint32_t index;
  if (free_.empty()) {
    index = static_cast<uint32_t>(entries_.size());
    entries_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  Entry& entry = entries_[index];
  const TimeMs lifetime = TimeMs{std::min(answer.ttl, kMaxTtl)} * 1000;
  entry = {std::move(answer), hash,  now,   now + lifetime, now,
           bucket(hash),      kNone, kNone, key.dnssec_ok,  key.checking_disabled,
           key.view,          0,     0};
  bucket(hash) = index;
  link_newest(index);
  ++used_;
  bytes_ += size;
  return evicted;
}

}  // namespace isthmus::dns64
