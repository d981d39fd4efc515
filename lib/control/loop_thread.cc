// SPDX-License-Identifier: BSD-3-Clause
#include "control/loop_thread.h"

#include <future>
#include <utility>

namespace isthmus::control {

LoopThread::LoopThread(std::function<unsigned()> poll)
    : loop_([this, poll = std::move(poll)] {
        turns_.store(turns_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        if (requests_.waiting()) requests_.answer();
        return poll();
      }) {
  // Only ends a rest; poll finds the question.
  ev_async_init(&wake_, [](struct ev_loop*, ev_async*, int) {});
  ev_async_start(loop_.ev(), &wake_);
}

LoopThread::~LoopThread() {
  stop();
  ev_async_stop(loop_.ev(), &wake_);
}

Status LoopThread::start(const std::function<Status()>& enter, std::function<void()> leave) {
  std::promise<Status> entered;
  auto result = entered.get_future();
  thread_ = std::thread([this, &enter, &entered, leave = std::move(leave)] {
    Status status = enter();
    const bool ok = static_cast<bool>(status);
    entered.set_value(std::move(status));
    if (!ok) return;
    loop_.run();
    leave();
  });
  Status status = result.get();
  if (!status) thread_.join();
  return status;
}

void LoopThread::stop() {
  if (!thread_.joinable()) return;
  while (!ask([this] { loop_.stop(); })) std::this_thread::yield();
  thread_.join();
}

bool LoopThread::ask(const std::function<void()>& question) {
  if (!thread_.joinable()) {
    question();
    return true;
  }
  if (silent_at_ == turns_.load(std::memory_order_relaxed)) return false;
  silent_at_.reset();
  if (requests_.ask(question, [this] { ev_async_send(loop_.ev(), &wake_); })) return true;
  silent_at_ = turns_.load(std::memory_order_relaxed);
  return false;
}

}  // namespace isthmus::control
