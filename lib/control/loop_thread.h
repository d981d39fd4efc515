// SPDX-License-Identifier: BSD-3-Clause
// A loop on a thread of its own, and how the control core asks it something.
//
// Theory of operation. Before start() and after stop() all that belongs to the loop may be used
// from the caller's thread. In between it may not: ask() has the loop's thread run a question
// between two of its turns, and waits for it; but not again for a thread that did not answer and
// has not turned since, so that one that hangs costs the control core a second and no more.
#pragma once

#include <ev.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <thread>

#include "control/loop.h"
#include "dataplane/requests.h"
#include "net/result.h"

namespace isthmus::control {

class LoopThread {
 public:
  /// `poll` as in Loop.
  explicit LoopThread(std::function<unsigned()> poll);
  ~LoopThread();
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  struct ev_loop* ev() {
    return loop_.ev();
  }
  /// Runs `enter` on the new thread, then the loop unless that failed, then `leave`. Returns what
  /// `enter` did.
  Status start(const std::function<Status()>& enter, std::function<void()> leave);
  void stop();
  /// False: the thread did not begin with it within a second, or hangs still, and will not.
  bool ask(const std::function<void()>& question);

 private:
  dataplane::RequestSlot<> requests_;
  Loop loop_;
  ev_async wake_{};
  std::atomic<uint64_t> turns_{0};          ///< written by the thread alone
  std::optional<uint64_t> silent_at_ = {};  ///< after how many turns it did not answer
  std::thread thread_;
};

}  // namespace isthmus::control
