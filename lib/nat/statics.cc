// SPDX-License-Identifier: BSD-3-Clause
#include "nat/statics.h"

#include <algorithm>

#include "net/address_tests.h"

namespace isthmus::nat {
namespace {

constexpr unsigned kScan = 4096;

bool same_outside(const StaticBinding& a, const StaticBinding& b) {
  return a.outside == b.outside && a.outside_port == b.outside_port && a.protocol == b.protocol;
}

bool same(const StaticBinding& a, const StaticBinding& b) {
  return same_outside(a, b) && a.inside == b.inside && a.inside_port == b.inside_port &&
         a.instance == b.instance;
}

bool lies_in(std::span<const steer::AddressRange> ranges, net::Ip4 address) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const auto& range) { return net::contains(range, address); });
}

std::string protocol_text(uint8_t protocol) {
  return protocol == 6 ? "tcp" : protocol == 17 ? "udp" : "icmp";
}

}  // namespace

std::string outside_text(const StaticBinding& b) {
  if (b.is_whole()) return net::to_string(b.outside);
  return protocol_text(b.protocol) + ' ' + net::to_string(b.outside) + " port " +
         std::to_string(b.outside_port.host());
}

const StaticEntry* StaticBindings::find(const StaticBinding& outside) const {
  const auto it = std::find_if(entries_.begin(), entries_.end(), [&](const StaticEntry& entry) {
    return same_outside(entry.binding, outside);
  });
  return it == entries_.end() ? nullptr : &*it;
}

namespace {

// Against others; what dynamic bindings have is for the workers to say.
Status check(const StaticBinding& b, std::span<const StaticEntry> others) {
  for (const auto& entry : others) {
    const auto& other = entry.binding;
    const bool overlaps = b.is_whole() || other.is_whole() ||
                          (other.protocol == b.protocol && other.outside_port == b.outside_port);
    if (other.outside == b.outside && overlaps) {
      return Error{outside_text(other) + " is bound to " + net::to_string(other.inside) +
                   " already: remove that first, or give another address or port"};
    }
    const bool same_inside =
        b.is_whole() ? other.is_whole()
                     : other.protocol == b.protocol && other.inside_port == b.inside_port;
    if (other.inside == b.inside && other.instance == b.instance && same_inside) {
      return Error{net::to_string(b.inside) + " has a static binding already, to " +
                   outside_text(other) + ": remove that first"};
    }
  }
  return Ok{};
}

}  // namespace

unsigned StaticBindings::natural_owner(const StaticBinding& b) const {
  return ownership_.owner4(b.outside, b.outside_port.host());
}

Status StaticBindings::reserve(const StaticBinding& b) {
  const unsigned first = b.is_whole() ? 0 : natural_owner(b);
  const unsigned last = b.is_whole() ? ownership_.workers() - 1 : first;
  for (unsigned worker = first; worker <= last; ++worker) {
    Status done = Ok{};
    auto asked = ask_(worker, [&](Translator& t) { done = t.reserve(b); });
    if (asked && done) continue;
    if (b.is_whole()) unreserve(b, worker);
    return asked ? done : asked;
  }
  return Ok{};
}

// Of a whole address: by workers below `workers`.
void StaticBindings::unreserve(const StaticBinding& b, unsigned workers) {
  const unsigned first = b.is_whole() ? 0 : natural_owner(b);
  const unsigned end = b.is_whole() ? workers : first + 1;
  for (unsigned worker = first; worker < end; ++worker) {
    (void)ask_(worker, [&](Translator& t) { t.unreserve(b); });
  }
}

void StaticBindings::unreserve(std::span<const steer::AddressRange> leaving) {
  for (const auto& entry : entries_) {
    if (lies_in(leaving, entry.binding.outside)) unreserve(entry.binding, ownership_.workers());
  }
}

// Those that are reserved refuse it, and stay so; so do addresses that are in no pool now.
void StaticBindings::reserve_again() {
  for (const auto& entry : entries_) {
    const auto& b = entry.binding;
    const unsigned first = b.is_whole() ? 0 : natural_owner(b);
    const unsigned last = b.is_whole() ? ownership_.workers() - 1 : first;
    for (unsigned worker = first; worker <= last; ++worker) {
      (void)ask_(worker, [&](Translator& t) { (void)t.reserve(b); });
    }
  }
}

// What add_static() would say of the inside host's port.
Status StaticBindings::check_inside(const StaticBinding& b) const {
  if (b.is_whole()) return Ok{};
  LeaseWish wish;
  wish.instance = b.instance;
  wish.protocol = b.protocol;
  wish.inside = b.inside;
  wish.inside_port = b.inside_port;
  auto bound = Translator::Bound::kNo;
  const auto asked =
      ask_(ownership_.owner6(b.inside), [&](Translator& t) { bound = t.bound(wish); });
  if (!asked || bound != Translator::Bound::kDynamically) return asked;
  return Error{net::to_string(b.inside) + " port " + std::to_string(b.inside_port.host()) +
               " has a pool address and port now: end that first (\"clear bindings inside " +
               net::to_string(b.inside) + "\")"};
}

Status StaticBindings::make(const StaticBinding& b) {
  const unsigned owner = ownership_.owner6(b.inside);
  if (auto reserved = reserve(b); !reserved) return reserved;
  Status done = Ok{};
  auto asked = ask_(owner, [&](Translator& t) { done = t.add_static(b); });
  const bool moves = b.is_whole() || natural_owner(b) != owner;
  if (asked && done && moves &&
      !ownership_.exceptions().set(b.outside, b.outside_port.host(), b.protocol, owner)) {
    (void)ask_(owner, [&](Translator& t) { t.remove_static(b); });
    done = Error{"more than " + std::to_string(steer::CellExceptions::kCapacity) +
                 " static bindings away from their pool's worker"};
  }
  if (asked && done) return Ok{};
  unreserve(b, ownership_.workers());
  return asked ? done : asked;
}

void StaticBindings::unmake(const StaticBinding& b) {
  (void)ask_(ownership_.owner6(b.inside), [&](Translator& t) { t.remove_static(b); });
  end_sessions(b);
  ownership_.exceptions().clear(b.outside, b.outside_port.host(), b.protocol);
  unreserve(b, ownership_.workers());
}

// Few places at a time, so that traffic goes on meanwhile.
void StaticBindings::end_sessions(const StaticBinding& b) {
  Filter filter;
  filter.inside = net::Ip6Prefix{b.inside, 128};
  filter.outside = net::Ip4Prefix{b.outside, 32};
  if (!b.is_whole()) {
    filter.outside_port = b.outside_port.host();
    filter.protocol = b.protocol;
  }
  // Flows without ports may be another worker's (Classifier::by_remote()).
  const unsigned owner = ownership_.owner6(b.inside);
  const unsigned first = b.is_whole() ? 0 : owner;
  const unsigned last = b.is_whole() ? ownership_.workers() - 1 : owner;
  for (unsigned worker = first; worker <= last; ++worker) end_sessions(filter, worker);
}

void StaticBindings::end_sessions(const Filter& filter, unsigned worker) {
  uint64_t cursor = 0;
  do {
    Translator::DumpResult step;
    const auto asked =
        ask_(worker, [&](Translator& t) { step = t.clear_sessions(cursor, kScan, filter); });
    if (!asked) return;
    cursor = step.next_cursor;
  } while (cursor != 0);
}

Status StaticBindings::add(const StaticEntry& entry) {
  if (auto ok = check(entry.binding, entries_); !ok) return ok;
  if (auto ok = make(entry.binding); !ok) return ok;
  entries_.push_back(entry);
  return Ok{};
}

Status StaticBindings::remove(const StaticBinding& outside) {
  const auto it = std::find_if(entries_.begin(), entries_.end(), [&](const StaticEntry& entry) {
    return same_outside(entry.binding, outside);
  });
  if (it == entries_.end()) {
    return Error{outside_text(outside) +
                 " has no static binding: \"show bindings static\" lists them"};
  }
  unmake(it->binding);
  entries_.erase(it);
  return Ok{};
}

Status StaticBindings::configure(std::span<const StaticBinding> wanted,
                                 std::span<const steer::AddressRange> leaving) {
  const auto is_wanted = [&](const StaticEntry& entry) {
    return !entry.configured || std::any_of(wanted.begin(), wanted.end(),
                                            [&](const auto& b) { return same(b, entry.binding); });
  };
  std::vector<StaticEntry> removed, kept, in_the_way, added;
  for (const auto& entry : entries_) (is_wanted(entry) ? kept : removed).push_back(entry);
  Status status = Ok{};
  const auto try_to_add = [&](const StaticEntry& entry) {
    status = add(entry);
    if (status) added.push_back(entry);
    return static_cast<bool>(status);
  };
  for (const auto& binding : wanted) {
    const auto* there = find(binding);
    if (there != nullptr && there->configured && same(there->binding, binding)) continue;
    const StaticEntry entry{binding, true, false};
    status = check(binding, kept);
    if (status && lies_in(leaving, binding.outside)) status = check_inside(binding);
    if (!status) break;
    kept.push_back(entry);
    if (lies_in(leaving, binding.outside)) continue;
    // One that goes is in its way: that one's sessions end with it, so others are tried before.
    if (!check(binding, entries_)) {
      in_the_way.push_back(entry);
    } else if (!try_to_add(entry)) {
      break;
    }
  }
  std::size_t gone = 0;
  if (status) {
    for (; gone < removed.size(); ++gone) (void)remove(removed[gone].binding);
    for (const auto& entry : in_the_way) {
      if (!try_to_add(entry)) break;
    }
  }
  if (status) return status;
  // Nothing has changed: what was added goes, what was removed comes back.
  for (const auto& entry : added) (void)remove(entry.binding);
  for (std::size_t i = 0; i < gone; ++i) (void)add(removed[i]);
  return status;
}

}  // namespace isthmus::nat
