// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Records of datagrams; fragment_slots.cc has the fragments themselves.
#include "nat/fragments.h"

#include <algorithm>

namespace isthmus::nat {

using telemetry::DropReason;

FragmentKey FragmentKey::of(const net::PacketBuf& buf, const net::PacketView& view) {
  FragmentKey key{};
  if (view.family == 6) {
    const auto* ip = net::header_at<net::Ip6Header>(buf.data);
    key.source[0] = ip->source.raw_high();
    key.source[1] = ip->source.raw_low();
    key.destination[0] = ip->destination.raw_high();
    key.destination[1] = ip->destination.raw_low();
  } else {
    const auto* ip = net::header_at<net::Ip4Header>(buf.data);
    key.source[0] = ip->source.value.raw();
    key.destination[0] = ip->destination.value.raw();
  }
  const uint64_t protocol = view.family == 4 ? view.protocol : 0;
  key.rest = uint64_t{view.fragment_id} << 16 | protocol << 8 | view.family;
  return key;
}

namespace {

// What the fragments of a datagram add up to tells whether each has been seen once: the hash of
// where it ends less that of where it begins. Overlaps and duplicates spoil the sum.
uint32_t hash_of_place(uint32_t offset) {
  uint32_t h = (offset + 1) * 0x9e3779b1u;
  h = (h ^ h >> 15) * 0x85ebca6bu;
  return h ^ h >> 13;
}

}  // namespace

DropReason FragmentStore::unfit(const net::PacketView& view) {
  // RFC 8200 4.5: only the first fragment's Next Header counts.
  if (view.family == 4 || view.fragment_offset == 0) {
    const uint8_t icmp = view.family == 4 ? net::kProtoIcmp4 : net::kProtoIcmp6;
    if (view.protocol != net::kProtoTcp && view.protocol != net::kProtoUdp &&
        view.protocol != icmp) {
      return DropReason::kProtocol;
    }
  }
  // RFC 791 3.2, RFC 8200 4.5: all fragments but the last carry a multiple of eight bytes. No
  // receiver could put anything else together.
  if (view.l4_length() == 0 || (view.more_fragments && view.l4_length() % 8 != 0)) {
    return DropReason::kBadLength;
  }
  return DropReason::kNone;
}

std::size_t FragmentStore::need(uint32_t slots) {
  const uint32_t records = slots * kRecordsPerSlot;
  return Arena::need<Slot>(slots) + Arena::need<Datagram>(records) + Arena::need<Source>(records) +
         2 * Index::need(records);
}

bool FragmentStore::init(Arena& arena, uint32_t slots, const net::HashKey& key,
                         std::size_t instances) {
  slot_capacity_ = slots_free_ = slots;
  capacity_ = slots * kRecordsPerSlot;
  key_ = key;
  instances_ = instances;
  slots_ = arena.take<Slot>(slots);
  datagrams_ = arena.take<Datagram>(capacity_);
  // A source is charged with something held or with a record, and what is held has or had a record.
  sources_ = arena.take<Source>(capacity_);
  return slots_ != nullptr && datagrams_ != nullptr && sources_ != nullptr &&
         by_key_.init(arena, capacity_) && by_source_.init(arena, capacity_);
}

uint64_t FragmentStore::hash_of(const FragmentKey& key) const {
  const uint64_t source = net::hash_words(key_, key.source[0], key.source[1], key.rest);
  return net::hash_words(key_, source, key.destination[0], key.destination[1]);
}

uint64_t FragmentStore::hash_of(uint64_t source_name, uint8_t family) const {
  return net::hash_words(key_, source_name, family);
}

// The source to which a record of `key` is charged; kNone if it has had its share.
uint32_t FragmentStore::charge(const FragmentKey& key) {
  const uint64_t name = key.source[0];  // an IPv6 host chooses the rest of its address at will
  const auto family = static_cast<uint8_t>(key.rest);
  const uint64_t hash = hash_of(name, family);
  uint32_t source = by_source_.find(
      hash, [&](uint32_t i) { return sources_[i].name == name && sources_[i].family == family; });
  if (source == Index::kNone) {
    source = free_source_;
    if (source != kNone) {
      free_source_ = sources_[source].next_free;
    } else if (sources_used_ < capacity_) {
      source = sources_used_++;
    } else {
      return kNone;
    }
    sources_[source] = {name, family, 0, 0, kNone};
    by_source_.insert(hash, source);
  }
  Family& all = family_of(source);
  if (sources_[source].records >= part_of(capacity_) || all.records >= most_of(capacity_)) {
    discharge(source);
    return kNone;
  }
  ++sources_[source].records;
  ++all.records;
  return source;
}

// Gives a source back that is charged with nothing any more.
void FragmentStore::discharge(uint32_t source) {
  Source& s = sources_[source];
  if (s.slots != 0 || s.records != 0) return;
  by_source_.erase(hash_of(s.name, s.family), source);
  s.next_free = free_source_;
  free_source_ = source;
}

uint32_t FragmentStore::find(const FragmentKey& key, uint32_t now_ms,
                             telemetry::Counters& counters) {
  const uint32_t found =
      by_key_.find(hash_of(key), [&](uint32_t i) { return datagrams_[i].key == key; });
  if (found == Index::kNone) return kNone;
  Datagram& d = datagrams_[found];
  if (now_ms - d.born_ms < lists_[d.instance].lifetime_ms) return found;
  counters.add_drop(DropReason::kFragmentLimit, give_up(d));
  forget(found);
  return kNone;
}

bool FragmentStore::is_over(const Datagram& d) {
  const bool decided =
      d.state == State::kKnown || d.state == State::kLocal || d.state == State::kRefused;
  return decided && d.leaving == 0 && d.total != 0 &&
         d.seen == hash_of_place(d.total) - hash_of_place(0);
}

uint32_t FragmentStore::find_for(const FragmentKey& key, const net::PacketView& view,
                                 uint32_t now_ms, telemetry::Counters& counters) {
  const uint32_t found = find(key, now_ms, counters);
  if (found == kNone) return kNone;
  const Datagram& d = datagrams_[found];
  // The same first fragment once more may be a duplicate, as long as others are missing.
  const bool again = view.is_first_fragment() && is_decided(found) && d.leaving == 0 &&
                     (d.settled || d.head != view.l4_length());
  if (!again && !is_over(d)) return found;
  forget(found);
  return kNone;
}

void FragmentStore::note(uint32_t datagram, const net::PacketView& view) {
  Datagram& d = datagrams_[datagram];
  const uint32_t end = view.fragment_offset + view.l4_length();
  d.seen += hash_of_place(end) - hash_of_place(view.fragment_offset);
  if (!view.more_fragments && d.total == 0) d.total = end;
}

uint32_t FragmentStore::open(const FragmentKey& key, uint8_t instance, uint32_t now_ms) {
  if (free_datagram_ == kNone && used_ == capacity_ && !make_room()) return kNone;
  const uint32_t source = charge(key);
  if (source == kNone) return kNone;
  uint32_t i = free_datagram_;
  if (i != kNone) {
    free_datagram_ = datagrams_[i].next;
  } else {
    i = used_++;
  }
  Datagram& d = datagrams_[i];
  d = {};
  d.key = key;
  d.source = source;
  d.first_piece = kNone;
  d.born_ms = now_ms;
  d.state = State::kWaiting;
  d.instance = instance;
  by_key_.insert(hash_of(key), i);
  link(i);
  return i;
}

// Frees the settled record that is oldest.
bool FragmentStore::make_room() {
  uint32_t oldest = kNone;
  for (std::size_t instance = 0; instance < instances_; ++instance) {
    const uint32_t first = lists_[instance].first[1];
    if (first == kNone) continue;
    const auto younger = [&] {
      return static_cast<int32_t>(datagrams_[first].born_ms - datagrams_[oldest].born_ms) >= 0;
    };
    if (oldest == kNone || !younger()) oldest = first;
  }
  if (oldest == kNone) return false;
  forget(oldest);
  return true;
}

void FragmentStore::forget(uint32_t datagram) {
  Datagram& d = datagrams_[datagram];
  settle(datagram);
  unlink(datagram);
  by_key_.erase(hash_of(d.key), datagram);
  d.state = State::kFree;
  d.next = free_datagram_;
  free_datagram_ = datagram;
}

// The source is no longer charged, and the record may give way.
void FragmentStore::settle(uint32_t datagram) {
  Datagram& d = datagrams_[datagram];
  if (d.settled) return;
  unlink(datagram);
  d.settled = true;
  link(datagram);
  --sources_[d.source].records;
  --family_of(d.source).records;
  discharge(d.source);
  d.source = kNone;
}

void FragmentStore::refuse(uint32_t datagram, telemetry::Counters& counters) {
  Datagram& d = datagrams_[datagram];
  counters.add_drop(DropReason::kFragment, discard(d));
  d.state = State::kRefused;
  settle(datagram);
}

void FragmentStore::pass(uint32_t datagram, const net::PacketView& view) {
  Datagram& d = datagrams_[datagram];
  d.bytes += view.l4_length();
  if (d.total != 0 && d.bytes >= d.total && d.leaving == 0) settle(datagram);
}

bool FragmentStore::expire(uint32_t now_ms, unsigned budget, telemetry::Counters& counters) {
  for (std::size_t instance = 0; instance < instances_; ++instance) {
    const Lists& lists = lists_[instance];
    for (const uint32_t& first : lists.first) {
      while (first != kNone && now_ms - datagrams_[first].born_ms >= lists.lifetime_ms) {
        if (budget-- == 0) return true;
        counters.add_drop(DropReason::kFragmentLimit, give_up(datagrams_[first]));
        forget(first);
      }
    }
  }
  return false;
}

void FragmentStore::link(uint32_t datagram) {
  Datagram& d = datagrams_[datagram];
  Lists& lists = lists_[d.instance];
  // Records settle in another order than they were born in. That only keeps some, which hold
  // nothing, a little longer: find() is exact.
  d.previous = lists.last[d.settled];
  d.next = kNone;
  (d.previous == kNone ? lists.first[d.settled] : datagrams_[d.previous].next) = datagram;
  lists.last[d.settled] = datagram;
}

void FragmentStore::unlink(uint32_t datagram) {
  Datagram& d = datagrams_[datagram];
  Lists& lists = lists_[d.instance];
  (d.previous == kNone ? lists.first[d.settled] : datagrams_[d.previous].next) = d.next;
  (d.next == kNone ? lists.last[d.settled] : datagrams_[d.next].previous) = d.previous;
}

}  // namespace isthmus::nat
