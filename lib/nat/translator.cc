// SPDX-License-Identifier: BSD-3-Clause
#include "nat/translator.h"

#include "nat/core.h"
#include "nat/fragment_home.h"

namespace isthmus::nat {

struct Translator::State {
  Core core;
  FragmentHome fragment_home;
};

Translator::Translator(std::unique_ptr<State> state)
    : state_(std::move(state)), classifier_(state_->core.classifier) {}
Translator::~Translator() = default;

Result<std::unique_ptr<Translator>> Translator::make(const Settings& settings,
                                                     const steer::Ownership& ownership,
                                                     unsigned worker,
                                                     telemetry::Counters& counters) {
  std::unique_ptr<State> state(
      new State{Core(settings, ownership, worker, counters), FragmentHome(ownership, counters)});
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

void Translator::decide(Batch& batch, uint32_t now_ms) {
  if (batch.count == 0) return;
  if (*batch.buf[0]->data >> 4 == 6) {
    state_->core.decide_batch<Direction::k6To4>(batch, now_ms);
  } else {
    state_->core.decide_batch<Direction::k4To6>(batch, now_ms);
  }
}

void Translator::rewrite_established(Batch& batch) {
  if (batch.count == 0) return;
  if (*batch.buf[0]->data >> 4 == 6) {
    state_->core.rewrite_established<Direction::k6To4>(batch);
  } else {
    state_->core.rewrite_established<Direction::k4To6>(batch);
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

EventRing& Translator::events() {
  return state_->core.events.ring();
}

FragmentHome& Translator::fragment_home() {
  return state_->fragment_home;
}

void Translator::update(const Settings& settings) {
  state_->fragment_home.update(settings);
  state_->core.update(settings);
}

std::size_t Translator::pool_info(std::span<PoolInfo> out) const {
  return state_->core.pools.info(out);
}

TableInfo Translator::table_info() const {
  auto info = state_->core.tables.info();
  info.memory_bytes = state_->core.arena.size();
  return info;
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

SessionInfo describe(const Core& core, const Session& s, uint32_t now_ms) {
  SessionInfo out;
  out.inside = s.key.inside;
  out.inside_port = s.key.inside_port;
  out.outside = s.key.pool;
  out.outside_port = s.key.pool_port;
  out.remote = s.key.remote;
  out.remote_port = s.key.remote_port;
  out.protocol = s.key.protocol;
  out.instance = core.classifier.instance_of_prefix(s.key.prefix);
  out.state = s.state;
  out.idle_ms = now_ms - s.last_seen_ms;
  out.expires_in_ms = core.is_over(s, now_ms) ? 0 : core.deadline(s) - now_ms;
  out.packets_6to4 = s.packets[0];
  out.packets_4to6 = s.packets[1];
  out.bytes_6to4 = s.bytes(Direction::k6To4);
  out.bytes_4to6 = s.bytes(Direction::k4To6);
  return out;
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
    out[result.count++] = describe(core, s, now_ms);
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
    out[result.count++] = {b.inside,      b.inside_port,
                           b.pool,        b.pool_port,
                           b.protocol,    core.classifier.instance_of_prefix(b.prefix),
                           b.is_static(), b.sessions};
    return true;
  });
  return result;
}

Translator::DumpResult Translator::clear_sessions(uint64_t cursor, unsigned scan,
                                                  const Filter& filter) {
  Core& core = state_->core;
  DumpResult result;
  result.next_cursor = walk(cursor, scan, core.tables.session_end(), [&](uint32_t i) {
    if (!matches(filter, core.tables.session(i))) return true;
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
  result.next_cursor = walk(cursor, scan, core.tables.session_end(), [&](uint32_t i) {
    const Session& s = core.tables.session(i);
    if (!matches(any_remote, s)) return true;
    const Binding& b = core.tables.binding(s.binding);
    if (b.is_static()) return true;
    if (b.sessions == 1) ++result.count;
    core.drop_session(i);
    return true;
  });
  return result;
}

}  // namespace isthmus::nat
