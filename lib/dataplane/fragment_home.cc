// SPDX-License-Identifier: BSD-3-Clause
// hot path
#include "dataplane/fragment_home.h"

#include "net/hash.h"
#include "net/headers.h"

namespace isthmus::dataplane {

void FragmentHome::clear(Place& place) {
  for (unsigned i = 0; i < place.held_count; ++i) {
    core_.drop(place.held[i], DropReason::kFragmentLimit);
  }
  place = Place{};
}

FragmentHome::Place& FragmentHome::place_of(const net::PacketBuf& packet,
                                            const net::PacketView& view) {
  const auto* ip = net::header_at<net::Ip4Header>(packet.data);
  const uint32_t id_protocol = view.fragment_id << 8 | view.protocol;
  const uint64_t addresses = uint64_t{ip->source.value.raw()} << 32 | ip->destination.value.raw();
  const uint64_t hash = net::hash_words(net::HashKey{}, addresses, id_protocol);
  Place* set = &places_[hash % (kPlaces / kWays) * kWays];
  Place* victim = set;
  for (unsigned way = 0; way < kWays; ++way) {
    Place& place = set[way];
    if (place.used && place.id_protocol == id_protocol && place.source == ip->source &&
        place.destination == ip->destination && !is_old(place)) {
      return place;
    }
    if (victim->used &&
        (!place.used || core_.now_ms - place.born_ms > core_.now_ms - victim->born_ms)) {
      victim = &place;
    }
  }
  clear(*victim);
  victim->used = true;
  victim->source = ip->source;
  victim->destination = ip->destination;
  victim->id_protocol = id_protocol;
  victim->born_ms = core_.now_ms;
  return *victim;
}

unsigned FragmentHome::owner_of(rte_mbuf* mbuf, const net::PacketBuf& packet,
                                const net::PacketView& view) {
  Place& place = place_of(packet, view);
  if (view.is_first_fragment()) {
    const auto* ip = net::header_at<net::Ip4Header>(packet.data);
    place.owner = core_.fabric.ownership.owner4(ip->destination, view.destination_port.host());
    releasing_ = &place;
    return place.owner;
  }
  if (place.owner != kHeld) return place.owner;
  if (place.held_count == kMaxHeld) {
    core_.drop(mbuf, DropReason::kFragmentLimit);
    return kHeld;
  }
  place.held[place.held_count++] = mbuf;
  core_.counters.add(Counter::kFragmentsHeld);
  return kHeld;
}

rte_mbuf* FragmentHome::release() {
  if (releasing_ == nullptr || releasing_->held_count == 0) {
    releasing_ = nullptr;
    return nullptr;
  }
  return releasing_->held[--releasing_->held_count];
}

void FragmentHome::expire() {
  constexpr unsigned kPerCall = 8;
  for (unsigned i = 0; i < kPerCall; ++i) {
    Place& place = places_[sweep_++ % kPlaces];
    if (place.used && is_old(place)) clear(place);
  }
}

}  // namespace isthmus::dataplane
