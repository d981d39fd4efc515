// SPDX-License-Identifier: BSD-3-Clause
// Questions from the control core to another thread: a worker, or a DNS core.
//
// Theory of operation. One slot per thread, since the control core waits for each answer. The
// thread's only cost is a relaxed load per loop. A question that it has not begun within a second
// is withdrawn; one that it has begun is waited for, because it refers to the asker's stack.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>

#include "nat/translator.h"

namespace isthmus::dataplane {

/// `Args`: what the thread shows the question.
template <class... Args>
class RequestSlot {
 public:
  using Question = std::function<void(Args...)>;

  /// Control core. `wake`, if given, is called once the question can be seen. False if the thread
  /// did not begin within a second.
  bool ask(const Question& question, const std::function<void()>& wake = {}) {
    question_ = &question;
    // Through a plain pointer: a worker's code has no exceptions in it, and std::function can
    // throw.
    call_ = [](const Question& asked, Args... args) { asked(args...); };
    state_.store(State::kAsked, std::memory_order_release);
    if (wake) wake();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    while (state_.load(std::memory_order_acquire) != State::kDone) {
      if (std::chrono::steady_clock::now() > deadline) {
        State asked = State::kAsked;
        if (state_.compare_exchange_strong(asked, State::kIdle)) return false;
      }
      std::this_thread::yield();
    }
    state_.store(State::kIdle, std::memory_order_relaxed);
    return true;
  }

  /// The thread that is asked.
  bool waiting() const { return state_.load(std::memory_order_relaxed) == State::kAsked; }
  void answer(Args... args) {
    State asked = State::kAsked;
    if (!state_.compare_exchange_strong(asked, State::kRunning, std::memory_order_acquire)) return;
    call_(*question_, args...);
    state_.store(State::kDone, std::memory_order_release);
  }

 private:
  enum class State : uint8_t { kIdle, kAsked, kRunning, kDone };
  std::atomic<State> state_{State::kIdle};
  const Question* question_ = nullptr;
  void (*call_)(const Question&, Args...) = nullptr;
};

/// To a worker.
using Requests = RequestSlot<nat::Translator&, uint32_t>;

}  // namespace isthmus::dataplane
