// SPDX-License-Identifier: BSD-3-Clause
// RFC 6146 3.5 once more, slow and obvious: what a NAT64 should do with each packet.
//
// Sessions and bindings are maps by name, deadlines are plain numbers. Which pool address and port
// a new binding gets is not predicted: the model is told, and checks that the choice was allowed.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "nat/info.h"

namespace isthmus::test {

class Model {
 public:
  enum Protocol : uint8_t { kIcmp = 1, kTcp = 6, kUdp = 17 };
  enum Flag : uint8_t { kFin = 1, kSyn = 2, kRst = 4 };
  using Inside = std::tuple<uint8_t, std::string, uint16_t>;   // protocol, host, port
  using Outside = std::tuple<uint8_t, std::string, uint16_t>;  // protocol, pool address, port
  using Remote = std::pair<std::string, uint16_t>;

  explicit Model(bool filtering) : filtering_(filtering) {}

  /// Whether a packet from inside goes out.
  bool passes_out(const Inside& from, uint8_t flags) const {
    return std::get<0>(from) != kTcp || bindings_.count(from) != 0 || is_syn(flags);
  }
  const Outside* binding(const Inside& from) const {
    const auto it = bindings_.find(from);
    return it == bindings_.end() ? nullptr : &it->second;
  }
  const Inside* inside(const Outside& to) const {
    const auto it = names_.find(to);
    return it == names_.end() ? nullptr : &it->second;
  }
  /// The pool address that `host` has, or "".
  std::string address_of(const std::string& host) const {
    for (const auto& [from, to] : bindings_) {
      if (std::get<1>(from) == host) return std::get<1>(to);
    }
    return "";
  }
  /// A packet went out as `as`.
  void went_out(const Inside& from, const Outside& as, const Remote& to, uint8_t flags,
                uint64_t now) {
    const auto key = std::pair{from, to};
    const auto it = sessions_.find(key);
    if (it != sessions_.end()) return update(it->second, true, flags, now);
    if (std::get<0>(from) == kTcp && !is_syn(flags)) return;
    bindings_[from] = as;
    names_[as] = from;
    Session s = fresh(std::get<0>(from), true, now);
    if (held_.erase({as, to}) != 0) {
      s.state = nat::TcpState::kEstablished;
      s.deadline = now + kEstablished;
    }
    sessions_[key] = s;
  }
  /// A packet from outside: whether it goes in.
  bool comes_in(const Remote& from, const Outside& to, uint8_t flags, uint64_t now) {
    const bool syn = std::get<0>(to) == kTcp && is_syn(flags);
    const auto name = names_.find(to);
    if (name == names_.end()) {
      if (syn) held_.insert({{to, from}, now + kIncomingSyn});
      return false;
    }
    const auto key = std::pair{name->second, from};
    const auto it = sessions_.find(key);
    if (it != sessions_.end()) {
      update(it->second, false, flags, now);
      return true;
    }
    if (filtering_ && syn) {
      held_.insert({{to, from}, now + kIncomingSyn});
      return false;
    }
    if (filtering_ && !knows(name->second, from.first)) return false;
    if (std::get<0>(to) == kTcp && !syn) return true;
    held_.erase({to, from});
    sessions_[key] = fresh(std::get<0>(to), false, now);
    return true;
  }
  /// Time has come to `now`: how many packets the gateway owes.
  unsigned tick(uint64_t now) {
    unsigned owed = 0;
    for (auto it = sessions_.begin(); it != sessions_.end();) {
      auto& s = it->second;
      if (s.deadline <= now && s.state == nat::TcpState::kEstablished) {
        ++owed;
        s.state = nat::TcpState::kTrans;
        s.deadline += kTransitory;
      }
      it = s.deadline <= now ? sessions_.erase(it) : std::next(it);
    }
    for (auto it = held_.begin(); it != held_.end();) {
      owed += it->second <= now ? 1 : 0;
      it = it->second <= now ? held_.erase(it) : std::next(it);
    }
    drop_unused_bindings(now);
    return owed;
  }
  /// Whether some session ended so recently that housekeeping need not have noticed.
  bool grey(uint64_t now, uint64_t width) const {
    for (const auto& [key, s] : sessions_) {
      if (s.deadline > now && s.deadline <= now + width) return true;
    }
    return false;
  }
  void clear(uint64_t now) {
    sessions_.clear();
    drop_unused_bindings(now);
  }
  /// A pool address is no longer ours: its sessions end, how many is returned.
  unsigned lose(const std::string& address, uint64_t now) {
    const auto before = sessions_.size();
    for (auto it = sessions_.begin(); it != sessions_.end();) {
      const auto& binding = bindings_.at(it->first.first);
      it = std::get<1>(binding) == address ? sessions_.erase(it) : std::next(it);
    }
    drop_unused_bindings(now);
    for (auto it = freed_.begin(); it != freed_.end();) {
      it = std::get<1>(it->first) == address ? freed_.erase(it) : std::next(it);
    }
    return static_cast<unsigned>(before - sessions_.size());
  }
  /// RFC 6888 REQ-8: whether the port was freed less than 120 s ago.
  bool rests(const Outside& name, uint64_t now) const {
    const auto it = freed_.find(name);
    return std::get<0>(name) != kTcp && it != freed_.end() && now - it->second < 120'000;
  }
  std::size_t sessions() const { return sessions_.size(); }
  std::size_t bindings() const { return bindings_.size(); }
  const std::map<Inside, Outside>& all_bindings() const { return bindings_; }

 private:
  static constexpr uint64_t kEstablished = 7200'000, kTransitory = 240'000, kUdpLife = 300'000,
                            kIcmpLife = 60'000, kIncomingSyn = 6'000;
  struct Session {
    nat::TcpState state = nat::TcpState::kNone;
    uint64_t deadline = 0;
    uint64_t lifetime = 0;
  };

  static bool is_syn(uint8_t flags) { return (flags & kSyn) != 0 && (flags & kRst) == 0; }
  bool knows(const Inside& inside, const std::string& address) const {
    for (const auto& [key, s] : sessions_) {
      if (key.first == inside && key.second.first == address) return true;
    }
    return false;
  }
  static Session fresh(uint8_t protocol, bool from_inside, uint64_t now) {
    if (protocol == kUdp) return {nat::TcpState::kNone, now + kUdpLife, kUdpLife};
    if (protocol == kIcmp) return {nat::TcpState::kNone, now + kIcmpLife, kIcmpLife};
    return {from_inside ? nat::TcpState::kV6Init : nat::TcpState::kV4Init, now + kTransitory, 0};
  }
  // RFC 6146 3.5.2.2 with both options of conflict C11.
  static void update(Session& s, bool v6, uint8_t flags, uint64_t now) {
    using S = nat::TcpState;
    const bool rst = (flags & kRst) != 0;
    const bool syn = !rst && (flags & kSyn) != 0;
    const bool fin = !rst && !syn && (flags & kFin) != 0;
    const auto go = [&](S state, uint64_t lifetime) {
      s.state = state;
      s.deadline = now + lifetime;
    };
    switch (s.state) {
      case S::kNone: s.deadline = now + s.lifetime; break;
      case S::kV4Init:
        if (v6 && syn) go(S::kEstablished, kEstablished);
        break;
      case S::kV6Init:
        if (!v6 && syn) go(S::kEstablished, kEstablished);
        if (v6 && syn) go(S::kV6Init, kTransitory);
        break;
      case S::kEstablished:
        if (rst) {
          go(S::kTrans, kTransitory);
        } else if (fin) {
          s.state = v6 ? S::kV6FinRcv : S::kV4FinRcv;
        } else {
          go(S::kEstablished, kEstablished);
        }
        break;
      case S::kV4FinRcv:
      case S::kV6FinRcv:
        if (rst) {
          go(S::kTrans, kTransitory);
        } else if (fin && v6 == (s.state == S::kV4FinRcv)) {
          go(S::kV4V6FinRcv, kTransitory);
        } else {
          go(s.state, kEstablished);
        }
        break;
      case S::kV4V6FinRcv:
        if (syn) go(v6 ? S::kV6Init : S::kV4Init, kTransitory);
        break;
      case S::kTrans:
        if (syn) {
          go(v6 ? S::kV6Init : S::kV4Init, kTransitory);
        } else if (!rst) {
          go(S::kEstablished, kEstablished);
        }
        break;
      case S::kClosed: break;
    }
  }
  void drop_unused_bindings(uint64_t now) {
    std::set<Inside> used;
    for (const auto& [key, s] : sessions_) used.insert(key.first);
    for (auto it = bindings_.begin(); it != bindings_.end();) {
      if (used.count(it->first) != 0) {
        ++it;
      } else {
        names_.erase(it->second);
        freed_[it->second] = now;
        it = bindings_.erase(it);
      }
    }
  }

  bool filtering_;
  std::map<std::pair<Inside, Remote>, Session> sessions_;
  std::map<Inside, Outside> bindings_;
  std::map<Outside, Inside> names_;
  std::map<Outside, uint64_t> freed_;
  std::map<std::pair<Outside, Remote>, uint64_t> held_;
};

}  // namespace isthmus::test
