// SPDX-License-Identifier: BSD-3-Clause
// RFC 6146 3.5 once more, slow and obvious: what a NAT64 does with each packet, and what it knows.
//
// Theory of operation. Bindings (BIB entries) and sessions (STEs) are maps by name; time is a
// number of milliseconds that never wraps. Which pool address and port a new binding gets is the
// gateway's free choice: the reference is told, and says whether the choice was allowed. Each rule
// of the standard stands in one place, beside its clause. Nothing here is shared with lib/nat but
// the names of TCP states.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "nat/info.h"

namespace isthmus::test {

enum Protocol : uint8_t { kIcmp = 1, kTcp = 6, kUdp = 17 };
enum Flag : uint8_t { kFin = 1, kSyn = 2, kRst = 4 };

/// What the operator decides. Times in milliseconds.
struct Rules {
  bool filtering = false;  ///< address-dependent
  bool rst_closes_half_closed = true;
  bool syn_reopens_closed = true;
  uint64_t udp = 300'000, icmp = 60'000, established = 7200'000, opening = 240'000,
           closing = 240'000, incoming_syn = 6'000;
  std::size_t subscriber_sessions = 0, subscriber_bindings = 0;  ///< 0: no limit
  std::size_t sessions = SIZE_MAX, bindings = SIZE_MAX;          ///< of each worker
  std::function<unsigned(const std::string& host)> worker_of;
  // Pool addresses come and go. Who drains one wants no new bindings on it.
  std::function<bool(const std::string& address)> is_pools = [](const std::string&) {
    return true;
  };
  std::function<bool(const std::string& address)> is_open = [](const std::string&) { return true; };
  bool any_open = true;  ///< each worker has addresses of each pool
};

class Reference {
 public:
  using Inside = std::tuple<uint8_t, std::string, uint16_t>;   // protocol, host, port
  using Outside = std::tuple<uint8_t, std::string, uint16_t>;  // protocol, pool address, port
  using Remote = std::pair<std::string, uint16_t>;
  enum class Verdict { kPass, kDrop, kUnreachable };

  explicit Reference(Rules rules) : rules_(std::move(rules)) {}
  Rules& rules() { return rules_; }

  // --- packets -----------------------------------------------------------------------------------
  /// Of a packet from inside: what becomes of it. Changes nothing.
  Verdict judge_outbound(const Inside& from, const Remote& to, uint8_t flags) const;
  /// It passed, and `as` is the binding of `from`. Why that choice was wrong, or "".
  std::string outbound(const Inside& from, const Outside& as, const Remote& to, uint8_t flags,
                       uint64_t now);
  /// A packet from outside: whether it goes in.
  bool inbound(const Remote& from, const Outside& to, uint8_t flags, uint64_t now);

  // --- what is known -----------------------------------------------------------------------------
  const Outside* binding(const Inside& from) const;
  const Inside* inside(const Outside& to) const;
  const std::map<Inside, Outside>& bindings() const { return bindings_; }
  /// One line for each binding and each session, with state and remaining lifetime.
  std::set<std::string> lines(uint64_t now) const;
  static std::string line(const Inside& from, const Outside& as, std::size_t sessions);
  static std::string line(const Inside& from, const Remote& to, nat::TcpState state, uint64_t left);

  // --- time and the operator ---------------------------------------------------------------------
  /// Time has come to `now`: how many packets the gateway owes.
  unsigned tick(uint64_t now);
  /// Whether something ends in (now, now + width].
  bool ends_within(uint64_t now, uint64_t width) const;
  /// Deletes the sessions that are meant, and bindings that are left without.
  void clear(const std::function<bool(const Inside&, const Outside&, const Remote&)>& is_meant);

 private:
  enum class Timer { kUdp, kIcmp, kEstablished, kOpening, kClosing };
  struct Session {
    nat::TcpState state;
    Timer timer;
    uint64_t seen;
  };
  using Name = std::pair<Inside, Remote>;

  uint64_t deadline(const Session& s) const;
  Session fresh(uint8_t protocol, bool from_inside, uint64_t now) const;
  void update(Session& s, bool v6, uint8_t flags, uint64_t now) const;
  bool has_room(const Inside& from, bool binding, bool from_outside = false) const;
  bool has_sent_to(const Inside& inside, const std::string& address) const;
  std::string judge_choice(const Inside& from, const Outside& as) const;
  void pair(const Inside& from, const Outside& as);
  void drop_unused_bindings();
  void hold(const Outside& to, const Remote& from, uint64_t now);

  Rules rules_;
  std::map<Name, Session> sessions_;
  std::map<Inside, Outside> bindings_;
  std::map<Outside, Inside> names_;
  std::map<std::string, std::string> paired_;  ///< subscriber to pool address
  std::map<std::pair<Outside, Remote>, uint64_t> held_;
};

}  // namespace isthmus::test
