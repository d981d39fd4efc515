// SPDX-License-Identifier: BSD-3-Clause
#include "property/nat/reference.h"

namespace isthmus::test {
namespace {

using S = nat::TcpState;

uint8_t protocol_of(const Reference::Inside& x) {
  return std::get<0>(x);
}
// A RST ends things, whatever else it says.
bool is_syn(uint8_t flags) {
  return (flags & kSyn) != 0 && (flags & kRst) == 0;
}
// A subscriber is a /64; hosts are written "PREFIX::N".
std::string subscriber_of(const Reference::Inside& x) {
  const auto& host = std::get<1>(x);
  return host.substr(0, host.find("::"));
}

}  // namespace

Reference::Verdict Reference::judge_outbound(const Inside& from, const Remote& to,
                                             uint8_t flags) const {
  if (sessions_.count({from, to}) != 0) return Verdict::kPass;
  const bool known = bindings_.count(from) != 0;
  // 3.5.2.2 CLOSED: only a SYN makes state. Anything else passes if there is a BIB entry.
  if (protocol_of(from) == kTcp && !is_syn(flags)) return known ? Verdict::kPass : Verdict::kDrop;
  // 3.5.1.1: without resources the packet is dropped and 1/3 SHOULD be sent.
  const bool can_bind = known || rules_.any_open;
  return can_bind && has_room(from, known) ? Verdict::kPass : Verdict::kUnreachable;
}

std::string Reference::outbound(const Inside& from, const Outside& as, const Remote& to,
                                uint8_t flags, uint64_t now) {
  if (const auto* known = binding(from)) {
    // 3.5.1, Endpoint-Independent Mapping (RFC 4787 REQ-1).
    if (*known != as) return "the binding has changed";
  } else if (auto wrong = judge_choice(from, as); !wrong.empty()) {
    return wrong;
  }
  const auto it = sessions_.find({from, to});
  if (it != sessions_.end()) {
    update(it->second, true, flags, now);
    return "";
  }
  if (protocol_of(from) == kTcp && !is_syn(flags)) return "";
  if (bindings_.count(from) == 0) pair(from, as);
  bindings_[from] = as;
  names_[as] = from;
  Session s = fresh(protocol_of(from), true, now);
  // 3.5.2.2 V4 INIT: the inside opens while the outside's SYN is stored.
  if (held_.erase({as, to}) != 0) s = {S::kEstablished, Timer::kEstablished, now};
  sessions_[{from, to}] = s;
  return "";
}

bool Reference::inbound(const Remote& from, const Outside& to, uint8_t flags, uint64_t now) {
  const bool tcp = std::get<0>(to) == kTcp;
  const bool syn = tcp && is_syn(flags);
  if (!rules_.is_pools(std::get<1>(to))) return false;
  const auto* inside_name = inside(to);
  if (inside_name == nullptr) {
    // 3.5.2.2 CLOSED: a V4 SYN without BIB entry is stored. 3.5.1: anything else is dropped.
    if (syn) hold(to, from, now);
    return false;
  }
  const Name name{*inside_name, from};
  const auto it = sessions_.find(name);
  if (it != sessions_.end()) {
    update(it->second, false, flags, now);
    return true;
  }
  if (rules_.filtering && syn) {
    hold(to, from, now);
    return false;
  }
  // 3.5.1, 3.5.3: address-dependent filtering looks for an STE with this address, any port.
  if (rules_.filtering && !has_sent_to(*inside_name, from.first)) return false;
  if (tcp && !syn) return true;
  if (!has_room(*inside_name, true, true)) return false;
  held_.erase({to, from});
  sessions_[name] = fresh(std::get<0>(to), false, now);
  return true;
}

// 3.5.2.2: stored once; a repetition does not prolong the wait.
void Reference::hold(const Outside& to, const Remote& from, uint64_t now) {
  held_.insert({{to, from}, now});
}

const Reference::Outside* Reference::binding(const Inside& from) const {
  const auto it = bindings_.find(from);
  return it == bindings_.end() ? nullptr : &it->second;
}

const Reference::Inside* Reference::inside(const Outside& to) const {
  const auto it = names_.find(to);
  return it == names_.end() ? nullptr : &it->second;
}

bool Reference::has_sent_to(const Inside& inside, const std::string& address) const {
  for (const auto& [name, s] : sessions_) {
    if (name.first == inside && name.second.first == address) return true;
  }
  return false;
}

// RFC 6888 REQ-4 and the size of the tables. `binding`: there is one already. The last quarter of a
// subscriber's sessions and the last eighth of the table are for those that the inside opens
// (RFC 6146 5.3).
bool Reference::has_room(const Inside& from, bool binding, bool from_outside) const {
  std::size_t own_sessions = 0, own_bindings = 0, sessions = 0, bindings = 0;
  const unsigned worker = rules_.worker_of(std::get<1>(from));
  for (const auto& [name, s] : sessions_) {
    sessions += rules_.worker_of(std::get<1>(name.first)) == worker ? 1 : 0;
    own_sessions += subscriber_of(name.first) == subscriber_of(from) ? 1 : 0;
  }
  for (const auto& [name, as] : bindings_) {
    bindings += rules_.worker_of(std::get<1>(name)) == worker ? 1 : 0;
    own_bindings += subscriber_of(name) == subscriber_of(from) ? 1 : 0;
  }
  const auto below = [](std::size_t count, std::size_t limit) {
    return limit == 0 || count < limit;
  };
  const std::size_t table = rules_.sessions - (from_outside ? rules_.sessions / 8 : 0);
  const std::size_t own = rules_.subscriber_sessions;
  if (sessions >= table || !below(own_sessions, own - (from_outside ? own / 4 : 0))) return false;
  return binding || (bindings < rules_.bindings && below(own_bindings, rules_.subscriber_bindings));
}

// 3.5.1.1, 3.5.2.3, 3.5.3: how a pool address and port may be chosen.
std::string Reference::judge_choice(const Inside& from, const Outside& as) const {
  if (names_.count(as) != 0) return "the pool address and port are in use";
  if (!rules_.is_open(std::get<1>(as))) return "the pool address takes no new bindings";
  // RFC 4787 REQ-2: paired, while the address takes new bindings.
  const auto it = paired_.find(subscriber_of(from));
  if (it != paired_.end() && rules_.is_open(it->second) && it->second != std::get<1>(as)) {
    return "the subscriber has another pool address";
  }
  if (protocol_of(from) == kUdp && std::get<2>(as) % 2 != std::get<2>(from) % 2) {
    return "the port's parity has changed";
  }
  return "";
}

void Reference::pair(const Inside& from, const Outside& as) {
  auto& address = paired_[subscriber_of(from)];
  if (address.empty() || !rules_.is_open(address)) address = std::get<1>(as);
}

Reference::Session Reference::fresh(uint8_t protocol, bool from_inside, uint64_t now) const {
  if (protocol == kUdp) return {S::kNone, Timer::kUdp, now};
  if (protocol == kIcmp) return {S::kNone, Timer::kIcmp, now};
  return {from_inside ? S::kV6Init : S::kV4Init, Timer::kOpening, now};
}

uint64_t Reference::deadline(const Session& s) const {
  switch (s.timer) {
    case Timer::kUdp: return s.seen + rules_.udp;
    case Timer::kIcmp: return s.seen + rules_.icmp;
    case Timer::kEstablished: return s.seen + rules_.established;
    case Timer::kOpening: return s.seen + rules_.opening;
    case Timer::kClosing: return s.seen + rules_.closing;
  }
  return 0;
}

// 3.5.2.2, state by state, with both options of conflict C11.
void Reference::update(Session& s, bool v6, uint8_t flags, uint64_t now) const {
  const bool rst = (flags & kRst) != 0;
  const bool syn = !rst && (flags & kSyn) != 0;
  const bool fin = !rst && !syn && (flags & kFin) != 0;
  const auto go = [&](S state, Timer timer) { s = {state, timer, now}; };
  const auto reopen = [&] { go(v6 ? S::kV6Init : S::kV4Init, Timer::kOpening); };
  switch (s.state) {
    case S::kNone: s.seen = now; break;
    case S::kV4Init:
      if (v6 && syn) go(S::kEstablished, Timer::kEstablished);
      break;
    case S::kV6Init:
      if (!v6 && syn) go(S::kEstablished, Timer::kEstablished);
      if (v6 && syn) go(S::kV6Init, Timer::kOpening);
      break;
    case S::kEstablished:
      if (rst) {
        go(S::kTrans, Timer::kClosing);
      } else if (fin) {
        s.state = v6 ? S::kV6FinRcv : S::kV4FinRcv;  // "the lifetime is not changed"
      } else {
        go(S::kEstablished, Timer::kEstablished);
      }
      break;
    case S::kV4FinRcv:
    case S::kV6FinRcv:
      if (rst && rules_.rst_closes_half_closed) {
        go(S::kTrans, Timer::kClosing);
      } else if (fin && v6 == (s.state == S::kV4FinRcv)) {
        go(S::kV4V6FinRcv, Timer::kClosing);
      } else {
        go(s.state, Timer::kEstablished);
      }
      break;
    case S::kV4V6FinRcv:
      if (syn && rules_.syn_reopens_closed) reopen();
      break;
    case S::kTrans:
      if (syn && rules_.syn_reopens_closed) {
        reopen();
      } else if (!rst) {
        go(S::kEstablished, Timer::kEstablished);
      }
      break;
    case S::kClosed: break;
  }
}

unsigned Reference::tick(uint64_t now) {
  unsigned owed = 0;
  for (auto it = held_.begin(); it != held_.end();) {
    // 3.5.2.2 V4 INIT: Port Unreachable with the stored SYN. Who is one of ours hears of it by its
    // binding, if that is there still.
    const bool over = it->second + rules_.incoming_syn <= now;
    const auto& [address, port] = it->first.second;
    const bool ours = rules_.is_pools(address);
    if (over && (!ours || names_.count({kTcp, address, port}) != 0)) ++owed;
    it = over ? held_.erase(it) : std::next(it);
  }
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    auto& s = it->second;
    if (deadline(s) <= now && s.state == S::kEstablished) {
      // 3.5.2.2 ESTABLISHED: probe one end, and wait in TRANS.
      ++owed;
      s = {S::kTrans, Timer::kClosing, deadline(s)};
    }
    it = deadline(s) <= now ? sessions_.erase(it) : std::next(it);
  }
  drop_unused_bindings();
  return owed;
}

bool Reference::ends_within(uint64_t now, uint64_t width) const {
  const auto within = [&](uint64_t time) { return time > now && time <= now + width; };
  for (const auto& [name, s] : sessions_) {
    const bool probed = s.state == S::kEstablished && within(deadline(s) + rules_.closing);
    if (within(deadline(s)) || probed) return true;
  }
  return false;
}

void Reference::clear(
    const std::function<bool(const Inside&, const Outside&, const Remote&)>& is_meant) {
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    const auto& [from, to] = it->first;
    it = is_meant(from, bindings_.at(from), to) ? sessions_.erase(it) : std::next(it);
  }
  // Whose address has left its pool is paired anew, even if that address should come back.
  std::erase_if(paired_, [&](const auto& x) { return !rules_.is_pools(x.second); });
  drop_unused_bindings();
}

// 3.1: a dynamic BIB entry goes with its last session.
void Reference::drop_unused_bindings() {
  std::set<Inside> used;
  for (const auto& [name, s] : sessions_) used.insert(name.first);
  for (auto it = bindings_.begin(); it != bindings_.end();) {
    if (used.count(it->first) != 0) {
      ++it;
    } else {
      names_.erase(it->second);
      it = bindings_.erase(it);
    }
  }
  std::set<std::string> subscribers;
  for (const auto& [from, as] : bindings_) subscribers.insert(subscriber_of(from));
  std::erase_if(paired_, [&](const auto& x) { return subscribers.count(x.first) == 0; });
}

std::string Reference::line(const Inside& from, const Outside& as, std::size_t sessions) {
  return "binding " + std::to_string(protocol_of(from)) + " " + std::get<1>(from) + " " +
         std::to_string(std::get<2>(from)) + " = " + std::get<1>(as) + " " +
         std::to_string(std::get<2>(as)) + ", " + std::to_string(sessions) + " sessions";
}

std::string Reference::line(const Inside& from, const Remote& to, nat::TcpState state,
                            uint64_t left) {
  return "session " + std::to_string(protocol_of(from)) + " " + std::get<1>(from) + " " +
         std::to_string(std::get<2>(from)) + " > " + to.first + " " + std::to_string(to.second) +
         ", state " + std::to_string(static_cast<int>(state)) + ", " + std::to_string(left) + " ms";
}

std::set<std::string> Reference::lines(uint64_t now) const {
  std::set<std::string> out;
  std::map<Inside, std::size_t> count;
  for (const auto& [name, s] : sessions_) {
    ++count[name.first];
    out.insert(line(name.first, name.second, s.state, deadline(s) - now));
  }
  for (const auto& [from, as] : bindings_) out.insert(line(from, as, count[from]));
  return out;
}

}  // namespace isthmus::test
