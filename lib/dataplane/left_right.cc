// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/left_right.h"

#include <rte_malloc.h>

#include <chrono>
#include <thread>

namespace isthmus::dataplane {
namespace {

// A worker passes a quiescent state every few microseconds, or every 100 when it idles by sleeping.
// The control core may wait a few milliseconds, no more.
constexpr std::chrono::milliseconds kPatience{20};

}  // namespace

Result<std::unique_ptr<LeftRight>> LeftRight::make(const FibSize& size, unsigned readers,
                                                   std::size_t interfaces, int socket) {
  std::unique_ptr<LeftRight> both(new LeftRight);
  const auto empty = std::make_shared<const LocalAddresses>(interfaces);
  for (auto& copy : both->copies_) {
    auto fib = Fib::make(size, socket);
    if (!fib) return fib.error();
    copy.fib = std::move(*fib);
    copy.locals = empty;
  }
  both->rcu_ = static_cast<rte_rcu_qsbr*>(
      rte_zmalloc("rcu", rte_rcu_qsbr_get_memsize(readers), RTE_CACHE_LINE_SIZE));
  if (both->rcu_ == nullptr || rte_rcu_qsbr_init(both->rcu_, readers) != 0) {
    return Error{"no memory for worker bookkeeping: raise memory.megabytes"};
  }
  return both;
}

LeftRight::~LeftRight() {
  rte_free(rcu_);
}

void LeftRight::online(unsigned reader) {
  rte_rcu_qsbr_thread_register(rcu_, reader);
  rte_rcu_qsbr_thread_online(rcu_, reader);
}

void LeftRight::offline(unsigned reader) {
  rte_rcu_qsbr_thread_offline(rcu_, reader);
  rte_rcu_qsbr_thread_unregister(rcu_, reader);
}

bool LeftRight::catch_up() {
  if (missed_.empty()) return true;
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (rte_rcu_qsbr_check(rcu_, grace_, false) == 0) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  // The same changes in the same order as in the other copy: they cannot fail here.
  for (const auto& change : missed_) apply(copies_[spare_], change);
  missed_.clear();
  return true;
}

LeftRight::Changed LeftRight::change(const Change& change) {
  if (!catch_up()) return Changed::kReadersBusy;
  if (!apply(copies_[spare_], change)) return Changed::kFull;
  unpublished_.push_back(change);
  return Changed::kYes;
}

void LeftRight::publish() {
  if (unpublished_.empty()) return;
  // Changes exist, so change() had caught up: missed_ is empty.
  copies_[spare_].version = copies_[spare_ ^ 1].version + 1;
  current_.store(&copies_[spare_], std::memory_order_release);
  grace_ = rte_rcu_qsbr_start(rcu_);
  spare_ ^= 1;
  missed_.swap(unpublished_);
}

}  // namespace isthmus::dataplane
