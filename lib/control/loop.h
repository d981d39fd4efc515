// SPDX-License-Identifier: BSD-3-Clause
// The control thread's loop: libev for sockets and timers, plus rings that no file descriptor
// announces.
//
// Theory of operation. A turn runs ready watchers without waiting, then calls `poll`, which takes
// punted packets and publishes changes. After a turn in which nothing happened the thread rests:
// first for some tens of microseconds, so that a DNS answer is not late, and after a while without
// work for up to a millisecond, so that an idle box does not burn the core. The long rest waits in
// libev and so ends at once when a socket is ready; only the rings have to wait for its end.
#pragma once

#include <cstdint>
#include <functional>

struct ev_loop;

namespace isthmus::control {

/// How long to rest after idle turns. Pure, so that the schedule is tested without a clock.
class RestSchedule {
 public:
  static constexpr uint32_t kShortUs = 50;
  static constexpr uint32_t kLongUs = 1000;
  /// Idle turns before rests grow: 20 ms of short ones.
  static constexpr uint32_t kShortTurns = 400;

  /// Microseconds to rest after this turn; 0 after one that had work.
  uint32_t after_turn(bool busy);

 private:
  uint32_t idle_turns_ = 0;
  uint32_t rest_us_ = kShortUs;
};

class Loop {
 public:
  /// `poll` returns how much it did; 0 means idle.
  explicit Loop(std::function<unsigned()> poll);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  struct ev_loop* ev() {
    return loop_;
  }
  /// Turns until stop() is called, from a watcher or from `poll`.
  void run();
  void stop() { stopping_ = true; }
  /// One turn without rest; true if there was work.
  bool turn();

 private:
  void rest(uint32_t microseconds);

  struct ev_loop* loop_;
  std::function<unsigned()> poll_;
  RestSchedule schedule_;
  uint64_t invoked_ = 0;  ///< watchers called so far
  bool stopping_ = false;
};

}  // namespace isthmus::control
