// SPDX-License-Identifier: BSD-3-Clause
// Events on their way from the control core to an exporter's thread.
//
// Theory of operation. One side pushes and never waits longer than the other takes to swap two
// vectors; a full queue loses the new event and counts it. The other side takes all there is, and
// sleeps on fd(), which is readable when the queue is no longer empty or somebody calls wake().
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "export/record.h"

namespace isthmus::exporter {

class EventQueue {
 public:
  explicit EventQueue(std::size_t capacity);
  ~EventQueue();
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;

  /// False if it is full: the event is lost.
  bool push(const Item& item);
  /// What names instances and pools from now on.
  void set_config(std::shared_ptr<const conf::Config> config);

  /// All that waits, into `out`, which is emptied first; and the configuration to read it by.
  std::shared_ptr<const conf::Config> take(std::vector<Item>& out);
  int fd() const { return fd_; }
  void wake();

  std::size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }
  uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

 private:
  const std::size_t capacity_;
  const int fd_;
  std::mutex mutex_;
  std::vector<Item> items_;
  std::shared_ptr<const conf::Config> config_;
  std::atomic<std::size_t> waiting_{0};
  std::atomic<uint64_t> lost_{0};
};

}  // namespace isthmus::exporter
