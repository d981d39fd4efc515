// SPDX-License-Identifier: BSD-3-Clause
// Two copies of the forwarding state: workers read one while the control core changes the other.
//
// Theory of operation. change() alters the spare copy and notes the change. publish() makes the
// spare current; the noted changes then wait to be repeated in what was current until now, which
// happens at the next change, when every worker has been seen between two bursts since (RCU by
// quiescent states). So no worker ever sees a half-made change, and the control core waits for
// workers only when it changes things faster than they finish a burst; and never longer than
// kPatience.
#pragma once

#include <rte_rcu_qsbr.h>

#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "dataplane/forwarding.h"
#include "net/result.h"

namespace isthmus::dataplane {

class LeftRight {
 public:
  static Result<std::unique_ptr<LeftRight>> make(const FibSize& size, unsigned readers,
                                                 std::size_t interfaces, int socket);
  ~LeftRight();
  LeftRight(const LeftRight&) = delete;
  LeftRight& operator=(const LeftRight&) = delete;

  // --- control core ---
  enum class Changed { kYes, kFull, kReadersBusy };
  Changed change(const Change& change);
  void publish();

  // --- worker `reader` ---
  const Forwarding& current() const { return *current_.load(std::memory_order_acquire); }
  void quiescent(unsigned reader) { rte_rcu_qsbr_quiescent(rcu_, reader); }
  void online(unsigned reader);
  void offline(unsigned reader);

 private:
  LeftRight() = default;
  bool catch_up();

  std::array<Forwarding, 2> copies_;
  unsigned spare_ = 1;
  std::atomic<const Forwarding*> current_{&copies_[0]};
  std::vector<Change> unpublished_;  ///< made in the spare
  std::vector<Change> missed_;       ///< published, but not yet made in the spare
  rte_rcu_qsbr* rcu_ = nullptr;
  uint64_t grace_ = 0;
};

}  // namespace isthmus::dataplane
