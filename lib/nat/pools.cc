// SPDX-License-Identifier: BSD-3-Clause
#include "nat/pools.h"

#include <algorithm>

namespace isthmus::nat {
namespace {

constexpr uint64_t kEvenPorts = 0x5555555555555555;

// The bits of word `word` whose ports lie in [first, last].
uint64_t range_mask(uint32_t word, uint32_t first, uint32_t last) {
  uint64_t mask = ~uint64_t{0};
  if (word == first / 64) mask &= ~uint64_t{0} << first % 64;
  if (word == last / 64) mask &= ~uint64_t{0} >> (63 - last % 64);
  return mask;
}

// A clear bit of `used` in [first, last] with the given parity; false if there is none.
bool find_clear(const uint64_t* used, uint32_t first, uint32_t last, uint64_t parity,
                uint32_t& port) {
  for (uint32_t word = first / 64; word <= last / 64; ++word) {
    const uint64_t clear = ~used[word] & parity & range_mask(word, first, last);
    if (clear == 0) continue;
    port = word * 64 + static_cast<uint32_t>(__builtin_ctzll(clear));
    return true;
  }
  return false;
}

}  // namespace

Status Pools::plan(const Settings& settings, const steer::Ownership& ownership, unsigned worker) {
  by_instance_.resize(settings.instances.size());
  for (std::size_t i = 0; i < settings.instances.size(); ++i) {
    const auto& instance = settings.instances[i];
    for (std::size_t p = 0; p < instance.pools.size(); ++p) {
      const auto& pool = instance.pools[p];
      if (pool.ports.first > pool.ports.last) {
        return Error{"pool " + pool.name + ": port range is backwards"};
      }
      pools_.push_back({static_cast<uint8_t>(i), static_cast<uint16_t>(p), {}, 0, {}});
      for (const auto& range : pool.ranges) {
        add_range(ownership, worker, pool.ports,
                  {range.first.host(),
                   range.last.host(),
                   static_cast<uint8_t>(i),
                   static_cast<uint16_t>(pools_.size() - 1),
                   {}});
      }
    }
    if (by_instance_[i].empty() && !instance.pools.empty()) {
      return Error{"instance " + instance.name + ": its pools are too small for " +
                   std::to_string(ownership.workers()) +
                   " workers; add addresses, widen the port range or use fewer workers"};
    }
  }
  std::sort(ranges_.begin(), ranges_.end(),
            [](const Range& a, const Range& b) { return a.first < b.first; });
  for (std::size_t i = 1; i < ranges_.size(); ++i) {
    if (ranges_[i].first <= ranges_[i - 1].last) {
      return Error{"pools overlap at " + net::to_string(net::Ip4::from_host(ranges_[i].first))};
    }
  }
  return Ok{};
}

Pools::Layout Pools::make_layout(const std::vector<steer::Ownership::PortRange>& owned,
                                 PortRange ports) {
  Layout layout;
  for (const auto& piece : owned) {
    const uint32_t first = std::max<uint32_t>(piece.first, ports.first);
    const uint32_t last = std::min<uint32_t>(piece.last, ports.last);
    for (unsigned high = 0; high < 2; ++high) {
      const uint32_t from = high == 0 ? first : std::max(first, 1024u);
      const uint32_t to = high == 0 ? std::min(last, 1023u) : last;
      if (from > to) continue;
      layout.intervals[high].push_back({from, to});
      layout.ports[high] += to - from + 1;
      for (uint32_t port = from; port <= to; ++port) ++layout.free[class_of(port)];
    }
  }
  return layout;
}

void Pools::add_range(const steer::Ownership& ownership, unsigned worker, const PortRange& ports,
                      Range range) {
  auto& pool = pools_[range.pool];
  for (uint64_t host = range.first; host <= range.last; ++host) {
    const auto address = net::Ip4::from_host(static_cast<uint32_t>(host));
    uint32_t index = kNone;
    // By port block every address has the same intervals; by address, all ports or none.
    const bool ours =
        ownership.mode4() == steer::Mode4::kByPortBlock || ownership.owner4(address, 0) == worker;
    if (ours && pool.addresses == 0) {
      pool.layout = make_layout(ownership.ports_of(worker, address), ports);
    }
    if (ours && pool.layout.ports[0] + pool.layout.ports[1] > 0) {
      index = static_cast<uint32_t>(addresses_.size());
      Address entry;
      entry.address = address;
      entry.pool = range.pool;
      for (auto& free : entry.free) {
        for (unsigned c = 0; c < kClasses; ++c) {
          free[c] = static_cast<uint16_t>(pool.layout.free[c]);
        }
      }
      addresses_.push_back(entry);
      by_instance_[range.instance].push_back(index);
      ++pool.addresses;
    }
    range.index.push_back(index);
  }
  ranges_.push_back(std::move(range));
}

std::size_t Pools::need() const {
  return Arena::need<uint64_t>(addresses_.size() * kProtocols * kWords);
}

bool Pools::init(Arena& arena) {
  bitmaps_ = arena.take<uint64_t>(addresses_.size() * kProtocols * kWords);
  return bitmaps_ != nullptr;
}

uint32_t Pools::find(net::Ip4 address) const {
  const uint32_t host = address.host();
  for (const auto& range : ranges_) {
    if (host - range.first <= range.last - range.first) return range.index[host - range.first];
  }
  return kNone;
}

uint32_t Pools::instance_of(net::Ip4 address) const {
  const uint32_t host = address.host();
  for (const auto& range : ranges_) {
    if (host - range.first <= range.last - range.first) return range.instance;
  }
  return kNone;
}

uint16_t Pools::pool_of(net::Ip4 address) const {
  const uint32_t host = address.host();
  for (const auto& range : ranges_) {
    if (host - range.first <= range.last - range.first) return pools_[range.pool].number;
  }
  return 0;
}

uint32_t Pools::free_ports(uint32_t index, unsigned protocol) const {
  const auto& free = addresses_[index].free[protocol];
  return uint32_t{free[0]} + free[1] + free[2] + free[3];
}

uint32_t Pools::choose(uint8_t instance, uint8_t protocol, Random& random) const {
  const auto& candidates = by_instance_[instance];
  if (candidates.empty()) return kNone;
  const auto count = static_cast<uint32_t>(candidates.size());
  const unsigned p = protocol_index(protocol);
  const uint32_t a = candidates[random.below(count)];
  const uint32_t b = candidates[random.below(count)];
  const uint32_t best = free_ports(a, p) >= free_ports(b, p) ? a : b;
  if (free_ports(best, p) > 0) return best;
  for (const uint32_t index : candidates) {
    if (free_ports(index, p) > 0) return index;
  }
  return kNone;
}

bool Pools::allocate(uint32_t index, uint8_t protocol, net::Be16 wanted, Random& random,
                     net::Be16& port) {
  const unsigned p = protocol_index(protocol);
  const unsigned same = class_of(wanted.host());
  // RFC 6146 3.5.1.1: the same range and, for UDP, the same parity SHOULD be kept; any other port
  // MAY be used when there is none. For TCP and ICMP parity means nothing, so either may come
  // first.
  unsigned order[kClasses] = {same, same ^ 1, same ^ 2, same ^ 3};
  if (p != 1 && (random.next() & 1) != 0) {
    std::swap(order[0], order[1]);
    std::swap(order[2], order[3]);
  }
  for (const unsigned port_class : order) {
    uint32_t found;
    if (addresses_[index].free[p][port_class] == 0) continue;
    if (!scan(index, p, port_class, random, found)) continue;
    mark(index, p, found);
    port = net::Be16(static_cast<uint16_t>(found));
    return true;
  }
  return false;
}

bool Pools::scan(uint32_t index, unsigned protocol, unsigned port_class, Random& random,
                 uint32_t& port) {
  const Layout& layout = pools_[addresses_[index].pool].layout;
  const unsigned high = port_class / 2;
  const auto& intervals = layout.intervals[high];
  const uint64_t parity = (port_class & 1) != 0 ? ~kEvenPorts : kEvenPorts;
  const uint64_t* used = bitmap(index, protocol);
  uint32_t skip = random.below(layout.ports[high]);
  std::size_t start = 0;
  while (skip > intervals[start].last - intervals[start].first) {
    skip -= intervals[start].last - intervals[start].first + 1;
    ++start;
  }
  const uint32_t from = intervals[start].first + skip;
  if (find_clear(used, from, intervals[start].last, parity, port)) return true;
  for (std::size_t step = 1; step < intervals.size(); ++step) {
    const auto& interval = intervals[(start + step) % intervals.size()];
    if (find_clear(used, interval.first, interval.last, parity, port)) return true;
  }
  return from > intervals[start].first &&
         find_clear(used, intervals[start].first, from - 1, parity, port);
}

void Pools::mark(uint32_t index, unsigned protocol, uint32_t port) {
  bitmap(index, protocol)[port / 64] |= uint64_t{1} << port % 64;
  --addresses_[index].free[protocol][class_of(port)];
  ++pools_[addresses_[index].pool].used[protocol];
}

bool Pools::has(uint32_t index, net::Be16 port) const {
  const uint32_t host = port.host();
  const auto& intervals = pools_[addresses_[index].pool].layout.intervals[host >= 1024 ? 1 : 0];
  return std::any_of(intervals.begin(), intervals.end(),
                     [host](const Interval& i) { return host >= i.first && host <= i.last; });
}

bool Pools::take(uint32_t index, uint8_t protocol, net::Be16 port) {
  const unsigned p = protocol_index(protocol);
  const uint32_t host = port.host();
  if (!has(index, port) || (bitmap(index, p)[host / 64] >> host % 64 & 1) != 0) return false;
  mark(index, p, host);
  return true;
}

void Pools::release(net::Ip4 address, uint8_t protocol, net::Be16 port) {
  const uint32_t index = find(address);
  const unsigned p = protocol_index(protocol);
  const uint32_t host = port.host();
  bitmap(index, p)[host / 64] &= ~(uint64_t{1} << host % 64);
  ++addresses_[index].free[p][class_of(host)];
  --pools_[addresses_[index].pool].used[p];
}

bool Pools::reserve(net::Ip4 address, uint8_t protocol, net::Be16 port) {
  const uint32_t index = find(address);
  if (index == kNone || !has(index, port)) return true;
  return take(index, protocol, port);
}

void Pools::unreserve(net::Ip4 address, uint8_t protocol, net::Be16 port) {
  const uint32_t index = find(address);
  if (index != kNone && has(index, port)) release(address, protocol, port);
}

bool Pools::reserve_address(net::Ip4 address) {
  const uint32_t index = find(address);
  if (index == kNone) return true;
  const Layout& layout = pools_[addresses_[index].pool].layout;
  for (unsigned p = 0; p < kProtocols; ++p) {
    if (free_ports(index, p) != layout.ports[0] + layout.ports[1]) return false;
  }
  fill(index, true);
  return true;
}

void Pools::unreserve_address(net::Ip4 address) {
  const uint32_t index = find(address);
  if (index != kNone) fill(index, false);
}

// All ports used, or all free.
void Pools::fill(uint32_t index, bool used) {
  auto& pool = pools_[addresses_[index].pool];
  for (unsigned p = 0; p < kProtocols; ++p) {
    std::fill_n(bitmap(index, p), kWords, used ? ~uint64_t{0} : 0);
    pool.used[p] += free_ports(index, p);
    for (unsigned c = 0; c < kClasses; ++c) {
      addresses_[index].free[p][c] =
          used ? uint16_t{0} : static_cast<uint16_t>(pool.layout.free[c]);
    }
    pool.used[p] -= free_ports(index, p);
  }
}

std::size_t Pools::info(std::span<PoolInfo> out) const {
  std::size_t count = 0;
  for (const auto& pool : pools_) {
    if (count == out.size()) break;
    const uint64_t cells = pool.addresses * (pool.layout.ports[0] + pool.layout.ports[1]);
    out[count++] = {pool.instance, pool.number,  pool.addresses, cells,
                    pool.used[0],  pool.used[1], pool.used[2]};
  }
  return count;
}

}  // namespace isthmus::nat
