// SPDX-License-Identifier: BSD-3-Clause
// hot path
// To whom a binding has sent: what address-dependent filtering asks (RFC 6146 3.5.1).
//
// Theory of operation. A permit is (pool address, port, remote address) with the number of sessions
// that agree on it. Nobody pays for permits while no instance filters. When one begins to, sessions
// that exist already are noted a few at a time, in the order of their numbers: those before
// permit_cursor_ have their permits, also when they were made meanwhile. Filtering begins when all
// are noted, so no flow is cut off by the change. Once begun, this never ends.
#include "nat/records.h"
#include "nat/tables.h"

namespace isthmus::nat {

bool Tables::start_permits() {
  if (permits_ != nullptr) return true;
  const auto bytes = Arena::need<Permit>(session_capacity_) + Index::need(session_capacity_);
  if (!permit_arena_.map(bytes) || !by_permit_.init(permit_arena_, session_capacity_)) return false;
  permits_ = permit_arena_.take<Permit>(session_capacity_);
  if (sessions_used_ == 0) permit_cursor_ = kNone;
  return permits_ != nullptr;
}

bool Tables::build_permits(unsigned budget) {
  for (; permit_cursor_ < sessions_used_; ++permit_cursor_) {
    if (budget-- == 0) return false;
    if (sessions_[permit_cursor_].live()) permit(sessions_[permit_cursor_].key);
  }
  permit_cursor_ = kNone;
  return true;
}

bool Tables::permitted(const SessionKey& outside) const {
  return permits_ != nullptr && find_permit(outside) != kNone;
}

uint32_t Tables::find_permit(const SessionKey& outside) const {
  SessionKey any_port = outside;
  any_port.remote_port = {};
  return by_permit_.find(hash_outside(key_, any_port),
                         [&](uint32_t i) { return same_outside(permits_[i].outside, any_port); });
}

void Tables::permit(const SessionKey& key) {
  uint32_t i = find_permit(key);
  if (i == kNone) {
    i = take_record(permits_, free_permit_, permits_used_,
                    [](const Permit& p) { return p.sessions; });
    permits_[i] = {key, 0};
    permits_[i].outside.remote_port = {};
    by_permit_.insert(hash_outside(key_, permits_[i].outside), i);
  }
  ++permits_[i].sessions;
}

void Tables::revoke(const SessionKey& key) {
  const uint32_t i = find_permit(key);
  if (--permits_[i].sessions != 0) return;
  by_permit_.erase(hash_outside(key_, permits_[i].outside), i);
  permits_[i].sessions = free_permit_;
  free_permit_ = i;
}

void Tables::add_memory(MemoryInfo& info) const {
  const uint32_t s = session_capacity_, b = binding_capacity_, n = subscriber_capacity_;
  info.add({"sessions", Arena::need<Session>(s), s, session_count_});
  info.add({"session indexes", 2 * Index::need(s), s, session_count_});
  info.add({"session timers", Wheel::need(s), s, session_count_});
  info.add({"bindings", Arena::need<Binding>(b), b, binding_count_});
  info.add({"binding indexes", 2 * Index::need(b), b, binding_count_});
  info.add({"subscribers", Arena::need<Subscriber>(n), n, subscriber_count_});
  info.add({"subscriber index", Index::need(n), n, subscriber_count_});
  if (permits_ != nullptr) info.add({"permits", permit_arena_.size(), s, permits_used_});
}

}  // namespace isthmus::nat
