// SPDX-License-Identifier: BSD-3-Clause
// Questions from the control core to one worker.
//
// Theory of operation. One slot per worker, since the control core waits for each answer. The
// worker's only cost is a relaxed load per loop. A question that the worker has not begun within
// the time limit is withdrawn; one that it has begun is waited for, because it refers to the
// asker's stack.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "nat/translator.h"

namespace isthmus::dataplane {

using Question = std::function<void(nat::Translator&, uint32_t now_ms)>;

class Requests {
 public:
  /// Control core. False if the worker did not begin within a second.
  bool ask(const Question& question);

  /// Worker.
  bool waiting() const { return state_.load(std::memory_order_relaxed) == State::kAsked; }
  void answer(nat::Translator& translator, uint32_t now_ms);

 private:
  enum class State : uint8_t { kIdle, kAsked, kRunning, kDone };
  std::atomic<State> state_{State::kIdle};
  const Question* question_ = nullptr;
};

}  // namespace isthmus::dataplane
