// SPDX-License-Identifier: BSD-3-Clause
#include "nat/translator.h"

#include <algorithm>

#include "nat/core.h"
#include "nat/fragment_home.h"
#include "nat/pool_update.h"

namespace isthmus::nat {

struct Translator::State {
  unsigned worker;
  Core core;
  FragmentHome fragment_home;
};

Translator::Translator(std::unique_ptr<State> state)
    : state_(std::move(state)), core_(state_->core), classifier_(core_.classifier) {}
Translator::~Translator() = default;

Result<std::unique_ptr<Translator>> Translator::make(const Settings& settings,
                                                     const steer::Ownership& ownership,
                                                     unsigned worker,
                                                     telemetry::Counters& counters) {
  std::unique_ptr<State> state(new State{worker, Core(settings, ownership, worker, counters),
                                         FragmentHome(ownership, counters)});
  if (const auto status = state->core.init(worker); !status) return status.error();
  if (!state->fragment_home.init(settings)) {
    return Error{"no memory for the fragments that wait for their first one"};
  }
  return std::unique_ptr<Translator>(new Translator(std::move(state)));
}

Class Translator::classify6(const net::PacketBuf& packet, const net::PacketView& view) const {
  return state_->core.classifier.classify6(packet, view);
}

Class Translator::classify4(net::Ip4 destination) const {
  return state_->core.classifier.classify4(destination);
}

bool Translator::may_lend(const net::PacketBuf& packet, const net::PacketView& view) const {
  return state_->core.classifier.may_lend(packet, view);
}

void Translator::look_ahead(Batch& batch) {
  if (batch.count == 0) return;
  if (*batch.data(0) >> 4 == 6) {
    state_->core.look_ahead<Direction::k6To4>(batch);
  } else {
    state_->core.look_ahead<Direction::k4To6>(batch);
  }
}

void Translator::decide_seen(Batch& batch, uint32_t now_ms) {
  if (batch.count == 0) return;
  if (*batch.data(0) >> 4 == 6) {
    state_->core.decide_batch<Direction::k6To4>(batch, now_ms);
  } else {
    state_->core.decide_batch<Direction::k4To6>(batch, now_ms);
  }
}

void Translator::spell_out(Batch& batch, unsigned i, uint32_t now_ms) {
  if (*batch.data(i) >> 4 == 6) {
    state_->core.decide_plainly<Direction::k6To4>(batch, i, now_ms);
  } else {
    state_->core.decide_plainly<Direction::k4To6>(batch, i, now_ms);
  }
}

xlat::Outcome Translator::apply(Batch& batch, unsigned i, const xlat::Path& path, uint32_t now_ms) {
  return state_->core.apply(batch, i, path, now_ms);
}

bool Translator::expire(uint32_t now_ms, unsigned budget) {
  const bool more = state_->fragment_home.expire(now_ms, budget);
  return state_->core.expire(now_ms, budget) || more;
}

bool Translator::originate(net::PacketBuf& buf, const xlat::Path& path) {
  return state_->core.originate(buf, path);
}

bool Translator::allow_error(const net::PacketBuf& error, uint32_t now_ms) {
  return state_->core.allow_reply(error, now_ms);
}

bool Translator::has_origination() const {
  return state_->core.has_origination();
}

bool Translator::release(net::PacketBuf& out, Released& how) {
  return state_->core.release(out, how);
}

bool Translator::has_released() const {
  return state_->core.has_released();
}

Status Translator::reserve(const StaticBinding& binding) {
  return state_->core.reserve(binding);
}

void Translator::unreserve(const StaticBinding& binding) {
  state_->core.unreserve(binding);
}

Status Translator::add_static(const StaticBinding& binding) {
  return state_->core.add_static(binding);
}

void Translator::remove_static(const StaticBinding& binding) {
  state_->core.remove_static(binding);
}

LeaseAnswer Translator::lease(const LeaseWish& wish) {
  return state_->core.lease(wish);
}

void Translator::end_lease(const LeaseWish& wish) {
  state_->core.end_lease(wish);
}

Translator::Bound Translator::bound(const LeaseWish& wish) const {
  const Core& core = state_->core;
  const uint32_t found = core.find_binding(wish);
  if (found != Index::kNone) {
    return core.tables.binding(found).is_static() ? Bound::kStatically : Bound::kDynamically;
  }
  return core.is_whole(wish) ? Bound::kStatically : Bound::kNo;
}

EventRing& Translator::events() {
  return state_->core.events.ring();
}

void Translator::tell_ext_header(const net::PacketBuf& packet) {
  state_->core.tell_dropped(net::DropReason::kExtHeader, packet, {}, kNoInstance);
}

FragmentHome& Translator::fragment_home() {
  return state_->fragment_home;
}

void Translator::update(const Settings& settings) {
  state_->fragment_home.update(settings);
  state_->core.update(settings);
  ++rules_;
}

std::size_t Translator::pool_info(std::span<PoolInfo> out) const {
  return state_->core.pools.info(out);
}

TableInfo Translator::table_info() const {
  auto info = state_->core.tables.info();
  info.memory_bytes = state_->core.arena.size() + state_->core.pools.set().memory();
  return info;
}

MemoryInfo Translator::memory_info() const {
  MemoryInfo info;
  state_->core.add_memory(info);
  state_->fragment_home.add_memory(info);
  return info;
}

std::size_t Translator::need(const Settings& settings, const steer::Ownership& ownership) {
  auto one =
      Arena::mapped(Core::need(settings)) + Arena::mapped(FragmentHome::need(settings, ownership));
  for (const auto& instance : settings.instances) {
    if (instance.filtering != Filtering::kAddressDependent) continue;
    one += Arena::mapped(Tables::permits_need(settings));
    break;
  }
  return ownership.workers() * one + PoolSet::need(settings, ownership);
}

void Translator::touch_memory() {
  state_->core.touch();
  state_->fragment_home.touch();
}

Result<std::unique_ptr<PoolUpdate>> Translator::prepare_pools(const Settings& settings) const {
  const Core& core = state_->core;
  auto set = PoolSet::make(settings, core.ownership(), state_->worker, &core.pools.set());
  if (!set) return set.error();
  return std::unique_ptr<PoolUpdate>(new PoolUpdate{std::move(*set), Classifier(settings)});
}

void Translator::install_pools(PoolUpdate& next) {
  state_->core.pools.exchange(next.set);
  std::swap(state_->core.classifier, next.classifier);
  ++rules_;
}

Translator::DumpResult Translator::end_leaving(uint64_t cursor, unsigned scan,
                                               std::span<const steer::AddressRange> leaving) {
  return state_->core.end_leaving(cursor, scan, leaving);
}

namespace {

bool matches(const Filter& filter, const net::Ip6& inside, net::Ip4 outside, net::Be16 port,
             uint8_t protocol) {
  return (!filter.inside || filter.inside->contains(inside)) &&
         (!filter.outside || filter.outside->contains(outside)) &&
         (!filter.outside_port || *filter.outside_port == port.host()) &&
         (!filter.protocol || *filter.protocol == protocol);
}

bool matches(const Filter& filter, const Session& s) {
  return s.live() && matches(filter, s.key.inside, s.key.pool, s.key.pool_port, s.key.protocol) &&
         (!filter.remote || filter.remote->contains(s.key.remote));
}

// Whether a subscriber lies in the filter's prefix, or is the one that has it.
bool is_of(const Filter& filter, const net::Ip6Prefix& inside) {
  return !filter.inside || filter.inside->contains(inside) || inside.contains(*filter.inside);
}

// Walks record numbers [cursor, cursor + scan) below `end`; `visit` returns false to stop before a
// record. The cursor to go on from, 0 at the end.
template <class Visit>
uint64_t walk(uint64_t cursor, unsigned scan, uint64_t end, Visit&& visit) {
  const uint64_t stop = std::min<uint64_t>(end, cursor + scan);
  for (; cursor < stop; ++cursor) {
    if (!visit(static_cast<uint32_t>(cursor))) return cursor;
  }
  return cursor >= end ? 0 : cursor;
}

}  // namespace

Translator::DumpResult Translator::dump_sessions(uint64_t cursor, unsigned scan,
                                                 const Filter& filter, uint32_t now_ms,
                                                 std::span<SessionInfo> out) const {
  const Core& core = state_->core;
  DumpResult result;
  result.next_cursor = walk(cursor, scan, core.tables.session_end(), [&](uint32_t i) {
    const Session& s = core.tables.session(i);
    if (!matches(filter, s) || core.is_dead(s, now_ms)) return true;
    if (result.count == out.size()) return false;
    out[result.count++] = core.info_of(s, now_ms);
    return true;
  });
  return result;
}

Translator::DumpResult Translator::dump_bindings(uint64_t cursor, unsigned scan,
                                                 const Filter& filter,
                                                 std::span<BindingInfo> out) const {
  const Core& core = state_->core;
  DumpResult result;
  result.next_cursor = walk(cursor, scan, core.tables.binding_end(), [&](uint32_t i) {
    const Binding& b = core.tables.binding(i);
    if (!b.live() || !matches(filter, b.inside, b.pool, b.pool_port, b.protocol)) return true;
    if (result.count == out.size()) return false;
    out[result.count++] = {
        b.inside,      b.inside_port, b.pool,
        b.pool_port,   b.protocol,    core.classifier.instance_of_prefix(b.prefix),
        b.is_static(), b.sessions,    b.is_leased()};
    return true;
  });
  return result;
}

Translator::DumpResult Translator::dump_subscribers(uint64_t cursor, unsigned scan,
                                                    const Filter& filter,
                                                    std::span<SubscriberInfo> out) const {
  const Core& core = state_->core;
  DumpResult result;
  result.next_cursor = walk(cursor, scan, core.tables.subscriber_end(), [&](uint32_t i) {
    const Subscriber& s = core.tables.subscriber(i);
    if (s.live == 0) return true;
    const bool is_paired = core.pools.usable(s.address, s.instance);
    const auto outside = is_paired ? core.pools.address(s.address) : net::Ip4{};
    const auto inside = core.tables.subscriber_name(i);
    if (!is_of(filter, inside) ||
        (filter.outside && !(is_paired && filter.outside->contains(outside)))) {
      return true;
    }
    if (result.count == out.size()) return false;
    out[result.count++] = {inside,
                           outside,
                           is_paired,
                           s.instance,
                           s.sessions,
                           s.bindings[binding_class(net::kProtoTcp)],
                           s.bindings[binding_class(net::kProtoUdp)],
                           s.bindings[binding_class(net::kProtoIcmp4)],
                           core.pools.blocks_of(i)};
    return true;
  });
  return result;
}

Translator::DumpResult Translator::dump_blocks(uint64_t cursor, unsigned scan, const Filter& filter,
                                               std::span<BlockInfo> out) const {
  const Core& core = state_->core;
  const auto& set = core.pools.set();
  DumpResult result;
  result.next_cursor = core.pools.walk_blocks(
      cursor, scan, [&](const PortBlock& block, uint32_t number, const PoolSet::Entry& entry) {
        const auto& pool = set.pools[entry.pool];
        const auto first = static_cast<uint16_t>(number << pool.block_shift);
        const auto last = static_cast<uint16_t>(first + pool.rules.block_size - 1);
        const auto inside = core.tables.subscriber_name(block.holder - 1);
        const bool wanted = is_of(filter, inside) &&
                            (!filter.outside || filter.outside->contains(entry.state->address)) &&
                            (!filter.outside_port ||
                             (first <= *filter.outside_port && *filter.outside_port <= last));
        if (!wanted) return true;
        if (result.count == out.size()) return false;
        BlockInfo& info = out[result.count++];
        info = {inside,
                entry.state->address,
                first,
                last,
                pool.instance,
                pool.number,
                block.used[0],
                block.used[1],
                block.used[2],
                block.rests,
                0};
        const uint32_t age = core.pools.now_ms() - block.free_since_ms;
        const uint32_t delay = pool.rules.block_release_delay * 1000;
        if (block.rests && age < delay) info.returns_in_ms = delay - age;
        return true;
      });
  return result;
}

namespace {

/// Deleting one touches cold memory in several tables.
constexpr unsigned kDeletionPlaces = 4;

/// How much of `scan` is left to delete sessions with. One at least is deleted.
class Deletions {
 public:
  explicit Deletions(unsigned scan) : left_(std::max(scan, kDeletionPlaces)) {}
  bool take() {
    if (left_ < kDeletionPlaces) return false;
    left_ -= kDeletionPlaces;
    return true;
  }

 private:
  unsigned left_;
};

}  // namespace

Translator::DumpResult Translator::clear_sessions(uint64_t cursor, unsigned scan,
                                                  const Filter& filter) {
  Core& core = state_->core;
  DumpResult result;
  Deletions deletions(scan);
  result.next_cursor = walk(cursor, scan, core.tables.session_end(), [&](uint32_t i) {
    if (!matches(filter, core.tables.session(i))) return true;
    if (!deletions.take()) return false;
    core.drop_session(i);
    ++result.count;
    return true;
  });
  return result;
}

Translator::DumpResult Translator::clear_bindings(uint64_t cursor, unsigned scan,
                                                  const Filter& filter) {
  // A dynamic binding lives by its sessions, so deleting those deletes it.
  Core& core = state_->core;
  Filter any_remote = filter;
  any_remote.remote.reset();
  DumpResult result;
  Deletions deletions(scan);
  result.next_cursor = walk(cursor, scan, core.tables.session_end(), [&](uint32_t i) {
    const Session& s = core.tables.session(i);
    if (!matches(any_remote, s)) return true;
    const Binding& b = core.tables.binding(s.binding);
    if (b.is_static()) return true;
    if (!deletions.take()) return false;
    if (b.sessions == 1) ++result.count;
    core.drop_session(i);
    return true;
  });
  return result;
}

}  // namespace isthmus::nat
