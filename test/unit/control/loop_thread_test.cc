// SPDX-License-Identifier: BSD-3-Clause
#include "control/loop_thread.h"

#include <atomic>
#include <thread>

#include "catch.h"

namespace isthmus::control::loop_thread_test {

TEST_CASE("a question is answered by the loop's thread while there is one", "[loop]") {
  std::atomic<unsigned> turns{0};
  LoopThread thread([&] {
    ++turns;
    return 0u;
  });
  std::thread::id answered;
  const auto ask = [&] { return thread.ask([&] { answered = std::this_thread::get_id(); }); };
  CHECK(ask());
  CHECK(answered == std::this_thread::get_id());

  std::thread::id entered, left;
  REQUIRE(thread.start(
      [&]() -> Status {
        entered = std::this_thread::get_id();
        return Ok{};
      },
      [&] { left = std::this_thread::get_id(); }));
  CHECK(entered != std::this_thread::get_id());
  for (unsigned i = 0; i < 100; ++i) REQUIRE(ask());
  CHECK(answered == entered);
  CHECK(turns > 0);

  thread.stop();
  CHECK(left == entered);
  CHECK(ask());
  CHECK(answered == std::this_thread::get_id());
}

TEST_CASE("a thread that cannot be set up does not run", "[loop]") {
  std::atomic<unsigned> turns{0};
  LoopThread thread([&] {
    ++turns;
    return 0u;
  });
  const Status status = thread.start([]() -> Status { return Error{"no CPU"}; }, [] { FAIL(); });
  REQUIRE_FALSE(status);
  CHECK(status.error().text == "no CPU");
  CHECK(turns == 0);
  CHECK(thread.ask([] {}));  // by the caller
}

TEST_CASE("a thread that hangs is not waited for", "[loop]") {
  std::atomic<bool> hang{true}, hangs{false};
  LoopThread thread([&] {
    hangs = true;
    while (hang) std::this_thread::yield();
    return 0u;
  });
  REQUIRE(thread.start([]() -> Status { return Ok{}; }, [] {}));
  while (!hangs) std::this_thread::yield();
  bool asked = false;
  CHECK_FALSE(thread.ask([&] { asked = true; }));
  // And once only: these would take longer than any test may.
  for (unsigned i = 0; i < 100'000; ++i) REQUIRE_FALSE(thread.ask([&] { asked = true; }));
  hang = false;
  while (!thread.ask([] {})) std::this_thread::yield();
  CHECK_FALSE(asked);
}

}  // namespace isthmus::control::loop_thread_test
