// SPDX-License-Identifier: BSD-3-Clause
#include "control/loop.h"

#include <ev.h>

#include "catch.h"
#include "control/log.h"

namespace isthmus::control::loop_test {

TEST_CASE("rests are short after work and grow when idle", "[loop]") {
  RestSchedule schedule;
  CHECK(schedule.after_turn(true) == 0);
  for (uint32_t turn = 0; turn < RestSchedule::kShortTurns; ++turn) {
    REQUIRE(schedule.after_turn(false) == RestSchedule::kShortUs);
  }
  uint32_t rest = RestSchedule::kShortUs;
  while (rest < RestSchedule::kLongUs) {
    const uint32_t next = schedule.after_turn(false);
    CHECK(next == std::min(rest * 2, RestSchedule::kLongUs));
    rest = next;
  }
  CHECK(schedule.after_turn(false) == RestSchedule::kLongUs);
  CHECK(schedule.after_turn(true) == 0);
  CHECK(schedule.after_turn(false) == RestSchedule::kShortUs);
}

TEST_CASE("a turn is busy when the rings or a watcher had work", "[loop]") {
  unsigned polled = 0;
  Loop loop([&] { return polled; });
  CHECK_FALSE(loop.turn());
  polled = 3;
  CHECK(loop.turn());
  polled = 0;
  ev_async async;
  ev_async_init(&async, [](struct ev_loop*, ev_async*, int) {});
  ev_async_start(loop.ev(), &async);
  ev_async_send(loop.ev(), &async);
  CHECK(loop.turn());
  CHECK_FALSE(loop.turn());
  ev_async_stop(loop.ev(), &async);
}

TEST_CASE("stop() from the poll ends run()", "[loop]") {
  unsigned turns = 0;
  Loop* running = nullptr;
  Loop loop([&] {
    if (++turns == 1000) running->stop();  // far into the long rests
    return 0u;
  });
  running = &loop;
  loop.run();
  CHECK(turns == 1000);
}

TEST_CASE("log lines", "[log]") {
  CHECK(log_line(LogLevel::kError, "no", true) == "<3>error: no");
  CHECK(log_line(LogLevel::kInfo, "yes", true) == "<6>yes");
  CHECK(log_line(LogLevel::kWarning, "hm", false) == "isthmusd: warning: hm");
  CHECK(log_line(LogLevel::kInfo, "a\n<3>forged", true) == "<6>a <3>forged");
}

TEST_CASE("a repeated message is logged once per interval, with a count", "[log]") {
  LogLimiter limiter(10);
  CHECK(limiter.admit(100) == 0);
  CHECK_FALSE(limiter.admit(101));
  CHECK_FALSE(limiter.admit(109.9));
  CHECK(limiter.admit(110) == 2);
  CHECK(limiter.admit(130) == 0);
}

}  // namespace isthmus::control::loop_test
