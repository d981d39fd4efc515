// SPDX-License-Identifier: BSD-3-Clause
// Follows the kernel's addresses, routes and neighbors of the twins into the dataplane.
//
// Theory of operation. One non-blocking socket carries both the notifications and the answers to
// our dumps, so what we read is in the order in which it happened (NetlinkState relies on that).
// A dump asks for one table after the other, because the kernel runs one dump per socket at a time;
// an interrupted one is started anew. When the socket overran, news were lost: dump again.
#pragma once

#include <ev.h>

#include <memory>

#include "control/netlink_socket.h"
#include "control/netlink_state.h"
#include "net/result.h"

namespace isthmus::control {

class NetlinkSync {
 public:
  static Result<std::unique_ptr<NetlinkSync>> make(struct ev_loop* loop, NetlinkState state);
  ~NetlinkSync();
  NetlinkSync(const NetlinkSync&) = delete;
  NetlinkSync& operator=(const NetlinkSync&) = delete;

  /// Takes the first full picture before returning, so that workers start with routes.
  Status initial_dump();
  uint64_t dumps() const { return dumps_; }

 private:
  NetlinkSync(struct ev_loop* loop, NetlinkSocket socket, NetlinkState state);

  /// Reads at most `bursts` times; false when nothing is left.
  bool drain(unsigned bursts);
  void on_message(const nlmsghdr& message);
  void on_dump_end(const nlmsghdr& message);
  void start_dump();
  void next_table();
  void maybe_start_dump();

  struct ev_loop* loop_;
  NetlinkSocket socket_;
  NetlinkState state_;
  ev_io readable_;
  ev_timer timer_;
  unsigned table_ = kDumps;  ///< being dumped; kDumps: none
  uint32_t sequence_ = 0;    ///< of the dump being answered
  bool interrupted_ = false;
  uint64_t dumps_ = 0;
};

}  // namespace isthmus::control
