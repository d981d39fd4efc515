// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/requests.h"

#include <chrono>
#include <thread>

namespace isthmus::dataplane {
namespace {

constexpr std::chrono::seconds kLimit{1};

}  // namespace

bool Requests::ask(const Question& question) {
  question_ = &question;
  state_.store(State::kAsked, std::memory_order_release);
  const auto deadline = std::chrono::steady_clock::now() + kLimit;
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

void Requests::answer(nat::Translator& translator, uint32_t now_ms) {
  State asked = State::kAsked;
  if (!state_.compare_exchange_strong(asked, State::kRunning, std::memory_order_acquire)) return;
  (*question_)(translator, now_ms);
  state_.store(State::kDone, std::memory_order_release);
}

}  // namespace isthmus::dataplane
