// SPDX-License-Identifier: BSD-3-Clause
// What is known about each upstream resolver, and which one to ask next.
//
// Theory of operation. Upstreams are preferred in the order of the configuration. One that lets
// kFailuresToDown tries in a row pass is down; it is then tried again after a pause that doubles up
// to kMaxPause, with one real query, which costs that client one retransmission at most. Any answer
// makes it healthy again.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace isthmus::dns64 {

using TimeMs = uint64_t;

class Upstreams {
 public:
  explicit Upstreams(unsigned count) : states_(count) {}

  unsigned count() const { return static_cast<unsigned>(states_.size()); }
  /// The best upstream, by preference one that is not in `tried`. At least one upstream exists.
  unsigned pick(std::span<const uint8_t> tried, TimeMs now);

  void answered(unsigned upstream);
  void failed(unsigned upstream, TimeMs now);
  bool is_down(unsigned upstream) const { return states_[upstream].failures >= kFailuresToDown; }

  /// RFC 6891 7: servers that answer OPT with FORMERR or NOTIMP are asked without it for a while.
  bool wants_edns(unsigned upstream, TimeMs now) const {
    return now >= states_[upstream].edns_again;
  }
  void no_edns(unsigned upstream, TimeMs now) { states_[upstream].edns_again = now + kEdnsPause; }
  /// Seen over TCP, where it cannot be forged: this one does not echo the case of the question.
  bool keeps_case(unsigned upstream) const { return !states_[upstream].folds_case; }
  void folds_case(unsigned upstream) { states_[upstream].folds_case = true; }

  static constexpr unsigned kFailuresToDown = 4;
  static constexpr TimeMs kFirstPause = 1000;
  static constexpr TimeMs kMaxPause = 16000;
  static constexpr TimeMs kEdnsPause = 600'000;

 private:
  struct State {
    unsigned failures = 0;
    bool folds_case = false;
    TimeMs pause = kFirstPause;
    TimeMs probe_at = 0;
    TimeMs edns_again = 0;
  };

  bool eligible(const State& state, TimeMs now) const {
    return state.failures < kFailuresToDown || now >= state.probe_at;
  }

  std::vector<State> states_;
};

}  // namespace isthmus::dns64
