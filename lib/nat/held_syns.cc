// SPDX-License-Identifier: BSD-3-Clause
#include "nat/held_syns.h"

#include <algorithm>
#include <cstring>

namespace isthmus::nat {

std::size_t HeldSyns::need(uint32_t capacity) {
  return Arena::need<Record>(capacity) + 2 * Index::need(capacity);
}

bool HeldSyns::init(Arena& arena, uint32_t capacity, const net::HashKey& key,
                    std::size_t instances) {
  capacity_ = capacity;
  key_ = key;
  lists_.resize(instances + 1);
  records_ = arena.take<Record>(capacity);
  return records_ != nullptr && by_name_.init(arena, capacity) && by_remote_.init(arena, capacity);
}

uint64_t HeldSyns::hash_of(const Record& r) const {
  return net::hash_words(key_, uint64_t{r.pool.value.raw()} << 32 | r.remote.value.raw(),
                         uint64_t{r.pool_port.raw()} << 16 | r.remote_port.raw());
}

uint64_t HeldSyns::hash_remote(const Record& r) const {
  return net::hash_words(key_, r.remote.value.raw(),
                         uint64_t{r.remote_port.raw()} << 8 | r.instance);
}

uint32_t HeldSyns::find(net::Ip4 pool, net::Be16 pool_port, net::Ip4 remote,
                        net::Be16 remote_port) const {
  Record wanted;
  wanted.pool = pool;
  wanted.pool_port = pool_port;
  wanted.remote = remote;
  wanted.remote_port = remote_port;
  return by_name_.find(hash_of(wanted), [&](uint32_t record) {
    const Record& r = records_[record];
    return r.pool == pool && r.pool_port == pool_port && r.remote == remote &&
           r.remote_port == remote_port;
  });
}

uint32_t HeldSyns::find_by_remote(uint8_t instance, net::Ip4 remote, net::Be16 remote_port) const {
  Record wanted;
  wanted.remote = remote;
  wanted.remote_port = remote_port;
  wanted.instance = instance;
  return by_remote_.find(hash_remote(wanted), [&](uint32_t record) {
    const Record& r = records_[record];
    return r.remote == remote && r.remote_port == remote_port && r.instance == instance;
  });
}

bool HeldSyns::hold(uint8_t instance, const SessionKey& key, const net::PacketBuf& packet,
                    uint32_t now_ms) {
  uint32_t record = free_;
  if (record != kNone) {
    free_ = records_[record].next;
  } else if (used_ < capacity_) {
    record = used_++;
  } else {
    return false;
  }
  Record& r = records_[record];
  r.pool = key.pool;
  r.pool_port = key.pool_port;
  r.remote = key.remote;
  r.remote_port = key.remote_port;
  r.instance = instance;
  r.due = false;
  r.arrived_ms = now_ms;
  r.length = static_cast<uint16_t>(std::min(packet.length, kMaxBytes));
  std::memcpy(r.bytes, packet.data, r.length);
  by_name_.insert(hash_of(r), record);
  by_remote_.insert(hash_remote(r), record);
  link(record);
  ++count_;
  return true;
}

void HeldSyns::forget(uint32_t record) {
  Record& r = records_[record];
  by_name_.erase(hash_of(r), record);
  by_remote_.erase(hash_remote(r), record);
  unlink(record);
  r.next = free_;
  free_ = record;
  --count_;
}

bool HeldSyns::expire(uint8_t instance, uint32_t lifetime_ms, uint32_t now_ms, unsigned budget) {
  for (;;) {
    const uint32_t record = lists_[instance].first;
    if (record == kNone || now_ms - records_[record].arrived_ms < lifetime_ms) return false;
    if (budget-- == 0) return true;
    unlink(record);
    records_[record].due = true;
    link(record);
  }
}

void HeldSyns::link(uint32_t record) {
  Record& r = records_[record];
  List& list = list_of(r);
  r.previous = list.last;
  r.next = kNone;
  (list.last == kNone ? list.first : records_[list.last].next) = record;
  list.last = record;
}

void HeldSyns::unlink(uint32_t record) {
  Record& r = records_[record];
  List& list = list_of(r);
  (r.previous == kNone ? list.first : records_[r.previous].next) = r.next;
  (r.next == kNone ? list.last : records_[r.next].previous) = r.previous;
}

}  // namespace isthmus::nat
