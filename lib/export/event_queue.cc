// SPDX-License-Identifier: BSD-3-Clause
#include "export/event_queue.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

namespace isthmus::exporter {

EventQueue::EventQueue(std::size_t capacity)
    : capacity_(capacity), fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

EventQueue::~EventQueue() {
  close(fd_);
}

bool EventQueue::push(const Item& item) {
  bool was_empty;
  {
    const std::lock_guard lock(mutex_);
    if (items_.size() >= capacity_) {
      lost_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    was_empty = items_.empty();
    items_.push_back(item);
    waiting_.store(items_.size(), std::memory_order_relaxed);
  }
  if (was_empty) wake();
  return true;
}

void EventQueue::set_config(std::shared_ptr<const conf::Config> config) {
  const std::lock_guard lock(mutex_);
  config_ = std::move(config);
}

std::shared_ptr<const conf::Config> EventQueue::take(std::vector<Item>& out) {
  out.clear();
  uint64_t count;
  // Before the queue is looked at: what comes later makes it readable again.
  [[maybe_unused]] const auto got = read(fd_, &count, sizeof count);
  const std::lock_guard lock(mutex_);
  items_.swap(out);
  waiting_.store(0, std::memory_order_relaxed);
  return config_;
}

void EventQueue::wake() {
  const uint64_t one = 1;
  [[maybe_unused]] const auto put = write(fd_, &one, sizeof one);
}

}  // namespace isthmus::exporter
