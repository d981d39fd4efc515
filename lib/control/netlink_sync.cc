// SPDX-License-Identifier: BSD-3-Clause
#include "control/netlink_sync.h"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <poll.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "control/log.h"

namespace isthmus::control {
namespace {

// A burst is one recv(): up to 32 KiB of messages, some 100 us of work.
constexpr unsigned kBurstsPerTurn = 16;
// Events that call for a dump come in flocks; one dump serves the flock.
constexpr double kDumpPause = 0.05;

}  // namespace

NetlinkSync::NetlinkSync(struct ev_loop* loop, NetlinkSocket socket, NetlinkState state)
    : loop_(loop), socket_(std::move(socket)), state_(std::move(state)) {
  ev_io_init(
      &readable_,
      [](struct ev_loop*, ev_io* watcher, int) {
        static_cast<NetlinkSync*>(watcher->data)->drain(kBurstsPerTurn);
      },
      socket_.fd(), EV_READ);
  readable_.data = this;
  ev_io_start(loop_, &readable_);
  ev_timer_init(
      &timer_,
      [](struct ev_loop*, ev_timer* watcher, int) {
        static_cast<NetlinkSync*>(watcher->data)->maybe_start_dump();
      },
      kDumpPause, kDumpPause);
  timer_.data = this;
  ev_timer_start(loop_, &timer_);
}

NetlinkSync::~NetlinkSync() {
  ev_io_stop(loop_, &readable_);
  ev_timer_stop(loop_, &timer_);
}

Result<std::unique_ptr<NetlinkSync>> NetlinkSync::make(struct ev_loop* loop, NetlinkState state) {
  auto socket = NetlinkSocket::make(NetlinkSocket::Kind::kEvents);
  if (!socket) return socket.error();
  return std::unique_ptr<NetlinkSync>(new NetlinkSync(loop, std::move(*socket), std::move(state)));
}

Status NetlinkSync::initial_dump() {
  constexpr int kPatienceMs = 5000;
  constexpr int kAttempts = 20;  // each can be interrupted by somebody who changes routes meanwhile
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    start_dump();
    while (table_ != kDumps) {
      pollfd wait{socket_.fd(), POLLIN, 0};
      if (poll(&wait, 1, kPatienceMs) == 0) break;
      drain(kBurstsPerTurn);
    }
    if (dumps_ > 0) return Ok{};
  }
  return Error{"netlink: the kernel does not list its addresses and routes"};
}

bool NetlinkSync::drain(unsigned bursts) {
  for (unsigned i = 0; i < bursts; ++i) {
    switch (socket_.read([this](const nlmsghdr& message) { on_message(message); })) {
      case NetlinkSocket::Read::kMessages: break;
      case NetlinkSocket::Read::kEmpty: return false;
      case NetlinkSocket::Read::kOverrun:
        log_debug("netlink: news were lost; asking for everything again");
        state_.request_dump();
        interrupted_ = true;
        break;
      case NetlinkSocket::Read::kError: {
        static LogLimiter limiter;
        limiter.log(LogLevel::kError, fmt::format("netlink: {}", std::strerror(errno)));
        return false;
      }
    }
  }
  return true;
}

void NetlinkSync::on_message(const nlmsghdr& message) {
  const bool dumped = table_ != kDumps && message.nlmsg_seq == sequence_ &&
                      (message.nlmsg_flags & NLM_F_MULTI) != 0;
  if (dumped && (message.nlmsg_flags & NLM_F_DUMP_INTR) != 0) interrupted_ = true;
  if (message.nlmsg_type == NLMSG_DONE || message.nlmsg_type == NLMSG_ERROR) {
    if (message.nlmsg_seq == sequence_ && table_ != kDumps) on_dump_end(message);
    return;
  }
  state_.apply(parse_netlink(&message), dumped);
}

void NetlinkSync::start_dump() {
  state_.begin_dump();
  interrupted_ = false;
  table_ = 0;
  next_table();
}

void NetlinkSync::next_table() {
  const int error = socket_.send(make_dump(static_cast<Dump>(table_)), ++sequence_);
  if (error == 0) return;
  static LogLimiter limiter;
  limiter.log(LogLevel::kError, fmt::format("netlink: cannot dump: {}", std::strerror(error)));
  table_ = kDumps;
  state_.request_dump();
}

void NetlinkSync::on_dump_end(const nlmsghdr& message) {
  if (message.nlmsg_type == NLMSG_ERROR) {
    const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(&message));
    // A kernel without IPv6 has no such table.
    if (error->error != -EOPNOTSUPP && error->error != -EAFNOSUPPORT) interrupted_ = true;
  }
  if (++table_ < kDumps) {
    next_table();
    return;
  }
  // A dump with holes must not remove what fell into them.
  if (interrupted_) {
    state_.request_dump();
    return;
  }
  state_.end_dump();
  ++dumps_;
}

void NetlinkSync::maybe_start_dump() {
  if (table_ == kDumps && state_.wants_dump()) start_dump();
}

}  // namespace isthmus::control
