// SPDX-License-Identifier: BSD-3-Clause
// What is known about each upstream resolver, and which one to ask next.
//
// Theory of operation. Upstreams come in groups: those of the default, and those of each zone that
// has its own. In a group the one with the shortest smoothed round-trip time is preferred, or the
// first in the order of the configuration. Where the time counts, one query in kExplore goes to
// another, so that one that has become fast again is found. One that lets kFailuresToDown tries in
// a row pass is down; it is then tried again after a pause that doubles up to kMaxPause, with one
// real query, which costs that client one retransmission at most. Any answer makes it healthy
// again.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dns64/peer_cookies.h"

namespace isthmus::dns64 {

using TimeMs = uint64_t;

/// How an upstream is asked. kUdp: and over TCP where an answer was cut short or is in doubt.
enum class Transport : uint8_t { kUdp, kTcp, kTls };

/// Consecutive upstreams that are asked for the same names.
struct UpstreamGroup {
  unsigned first = 0;
  unsigned count = 1;
};

struct UpstreamInfo {
  uint64_t sent = 0;
  uint64_t answers = 0;
  uint64_t failures = 0;  ///< timeouts, refusals
  TimeMs rtt_ms = 0;      ///< smoothed
  bool down = false;
};

class Upstreams {
 public:
  Upstreams(unsigned count, bool fastest) : states_(count), fastest_(fastest) {}

  unsigned count() const { return static_cast<unsigned>(states_.size()); }
  /// The best upstream of `group`, by preference one that is not in `tried`.
  unsigned pick(const UpstreamGroup& group, std::span<const uint8_t> tried, TimeMs now,
                uint64_t random);

  void sent(unsigned upstream) { ++states_[upstream].sent; }
  void answered(unsigned upstream, TimeMs rtt);
  /// No answer after `waited`, or refused.
  void failed(unsigned upstream, TimeMs now, TimeMs waited);
  bool is_down(unsigned upstream) const { return states_[upstream].failures >= kFailuresToDown; }
  UpstreamInfo info(unsigned upstream) const;
  /// When an answer should have come: the smoothed time and four deviations; 0: not known yet.
  TimeMs patience(unsigned upstream) const;

  /// RFC 6891 7: servers that answer OPT with FORMERR or NOTIMP are asked without it for a while.
  bool wants_edns(unsigned upstream, TimeMs now) const {
    return now >= states_[upstream].edns_again;
  }
  void no_edns(unsigned upstream, TimeMs now) { states_[upstream].edns_again = now + kEdnsPause; }
  /// Seen over TCP, where it cannot be forged: this one does not echo the case of the question.
  bool keeps_case(unsigned upstream) const { return !states_[upstream].folds_case; }
  void folds_case(unsigned upstream) { states_[upstream].folds_case = true; }

  PeerCookies& cookies(unsigned upstream) { return states_[upstream].cookies; }

  static constexpr unsigned kFailuresToDown = 4;
  static constexpr TimeMs kFirstPause = 1000;
  static constexpr TimeMs kMaxPause = 16000;
  static constexpr TimeMs kEdnsPause = 600'000;
  static constexpr unsigned kExplore = 64;

 private:
  struct State {
    unsigned failures = 0;
    bool folds_case = false;
    bool measured = false;
    TimeMs pause = kFirstPause;
    TimeMs probe_at = 0;
    TimeMs edns_again = 0;
    TimeMs rtt8 = 0;  ///< eighths of milliseconds, as in RFC 6298
    TimeMs var4 = 0;  ///< fourths
    uint64_t sent = 0, answers = 0, failed = 0;
    PeerCookies cookies;
  };

  bool eligible(const State& state, TimeMs now) const {
    return state.failures < kFailuresToDown || now >= state.probe_at;
  }

  std::vector<State> states_;
  bool fastest_;
};

}  // namespace isthmus::dns64
