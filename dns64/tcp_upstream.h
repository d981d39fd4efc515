// SPDX-License-Identifier: BSD-3-Clause
// TCP to upstream resolvers, for answers that UDP cut short.
//
// Theory of operation. Queries share connections (RFC 7766 6.2.1) and are matched to answers by ID,
// so a connection never carries two with one ID. A connection that closes fails what is outstanding
// on it; one that has been idle is closed.
#pragma once

#include <ev++.h>

#include <functional>
#include <list>
#include <unordered_map>

#include "dns64/exchange.h"
#include "dns64/sockets.h"
#include "dns64/stream.h"

namespace isthmus::dns64 {

class TcpUpstream {
 public:
  using OnAnswer = std::function<void(SendId, Bytes)>;
  using OnFailure = std::function<void(SendId)>;

  TcpUpstream(struct ev_loop* loop, OnAnswer on_answer, OnFailure on_failure)
      : loop_(loop), on_answer_(std::move(on_answer)), on_failure_(std::move(on_failure)) {}

  /// False if there is no room or the kernel refused.
  bool send(SendId id, const SocketAddress& to, Bytes message);
  void cancel(SendId id);
  /// Closes connections; what is outstanding on them is forgotten, not failed.
  void clear() { connections_.clear(); }

  static constexpr std::size_t kMaxConnections = 16;  ///< all upstreams together
  static constexpr std::size_t kMaxOutstanding = 200;
  static constexpr double kIdleSeconds = 5;

 private:
  struct Connection {
    SocketAddress to;
    Fd fd;
    ev::io watcher;
    ev::timer idle;
    StreamReader reader;
    StreamWriter writer;
    std::unordered_map<uint16_t, SendId> outstanding;
    TcpUpstream* owner = nullptr;
    void on_ready(ev::io&, int events) { owner->handle(*this, events); }
    void on_idle(ev::timer&, int) { owner->close(*this); }
  };

  Connection* connection_for(const SocketAddress& to, uint16_t message_id);
  Connection* connect(const SocketAddress& to);
  void handle(Connection& connection, int events);
  void watch(Connection& connection);
  void close(Connection& connection);

  struct ev_loop* loop_;
  OnAnswer on_answer_;
  OnFailure on_failure_;
  std::list<Connection> connections_;
};

}  // namespace isthmus::dns64
