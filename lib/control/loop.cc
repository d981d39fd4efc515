// SPDX-License-Identifier: BSD-3-Clause
#include "control/loop.h"

#include <ev.h>
#include <sys/prctl.h>

#include <algorithm>
#include <ctime>
#include <utility>

namespace isthmus::control {

uint32_t RestSchedule::after_turn(bool busy) {
  if (busy) {
    idle_turns_ = 0;
    rest_us_ = kShortUs;
    return 0;
  }
  if (++idle_turns_ > kShortTurns) rest_us_ = std::min(rest_us_ * 2, kLongUs);
  return rest_us_;
}

Loop::Loop(std::function<unsigned()> poll)
    : loop_(ev_loop_new(EVFLAG_AUTO)), poll_(std::move(poll)) {
  ev_set_userdata(loop_, this);
  ev_set_invoke_pending_cb(loop_, [](struct ev_loop* loop) {
    static_cast<Loop*>(ev_userdata(loop))->invoked_ += ev_pending_count(loop);
    ev_invoke_pending(loop);
  });
}

Loop::~Loop() {
  ev_loop_destroy(loop_);
}

bool Loop::turn() {
  const uint64_t before = invoked_;
  ev_run(loop_, EVRUN_NOWAIT);
  const unsigned polled = poll_();
  return polled > 0 || invoked_ != before;
}

void Loop::run() {
  // The kernel may lengthen a sleep by its timer slack, 50 us by default: as long as our short
  // rest.
  prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
  stopping_ = false;
  while (!stopping_) {
    const uint32_t microseconds = schedule_.after_turn(turn());
    if (microseconds > 0 && !stopping_) rest(microseconds);
  }
}

void Loop::rest(uint32_t microseconds) {
  if (microseconds < RestSchedule::kLongUs) {
    // libev waits in whole milliseconds, too coarse here.
    const timespec duration{0, static_cast<long>(microseconds) * 1000};
    nanosleep(&duration, nullptr);
    return;
  }
  ev_timer timer;
  ev_timer_init(
      &timer, [](struct ev_loop*, ev_timer*, int) {}, microseconds * 1e-6, 0.);
  ev_timer_start(loop_, &timer);
  const uint64_t before = invoked_;
  ev_run(loop_, EVRUN_ONCE);
  const bool expired = !ev_is_active(&timer);
  ev_timer_stop(loop_, &timer);
  // Whatever came besides our own timer is work; the next rest is short again.
  if (invoked_ - before > (expired ? 1u : 0u)) schedule_.after_turn(true);
}

}  // namespace isthmus::control
