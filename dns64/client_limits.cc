// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/client_limits.h"

#include <algorithm>

namespace isthmus::dns64 {
namespace {

constexpr uint32_t kWhole = 1000;

template <class Map, class Key>
void decrement(Map& map, const Key& key) {
  const auto found = map.find(key);
  if (found != map.end() && --found->second == 0) map.erase(found);
}

}  // namespace

net::Ip6 subscriber_of(const net::Ip6& client) {
  net::Ip6 out = client;
  if (!unmap_ip4(client)) std::fill(out.bytes.begin() + 8, out.bytes.end(), uint8_t{0});
  return out;
}

Bytes zone_part(const Name& name) {
  constexpr std::size_t kShort = 3;
  const unsigned labels = name.labels();
  if (labels <= 2) return name.wire();
  const Bytes two = name.without_labels(labels - 2);
  const bool country = two[two[0] + 1u] == 2;
  return two[0] <= kShort && country ? name.without_labels(labels - 3) : two;
}

RateLimit::RateLimit(uint32_t per_second, const net::HashKey& key)
    : per_second_(per_second), key_(key), slots_(per_second == 0 ? 0 : kSlots) {}

RateLimit::Verdict RateLimit::check(const net::Ip6& client, TimeMs now) {
  if (per_second_ == 0) return Verdict::kAllow;
  Slot& slot = slots_[net::hash_ip6(key_, subscriber_of(client), 1) % kSlots];
  const TimeMs passed = std::min<TimeMs>(now - slot.last, 1000);
  const uint64_t most = uint64_t{per_second_} * kWhole;
  slot.tokens = static_cast<uint32_t>(std::min(slot.tokens + passed * per_second_, most));
  slot.last = now;
  if (slot.tokens >= kWhole) {
    slot.tokens -= kWhole;
    return Verdict::kAllow;
  }
  return ++slot.over % 2 == 1 ? Verdict::kTruncate : Verdict::kDrop;
}

InFlight::Verdict InFlight::take(const net::Ip6& client, const Name& name, uint32_t client_limit,
                                 uint32_t zone_limit) {
  const net::Ip6 subscriber = subscriber_of(client);
  const uint64_t zone = zone_key(name);
  const auto full = [](const auto& map, const auto& key, uint32_t limit) {
    const auto found = map.find(key);
    return limit != 0 && found != map.end() && found->second >= limit;
  };
  if (full(clients_, subscriber, client_limit)) return Verdict::kClient;
  if (full(zones_, zone, zone_limit)) return Verdict::kZone;
  ++clients_[subscriber];
  ++zones_[zone];
  return Verdict::kAllow;
}

void InFlight::release(const net::Ip6& client, const Name& name) {
  decrement(clients_, subscriber_of(client));
  decrement(zones_, zone_key(name));
}

}  // namespace isthmus::dns64
