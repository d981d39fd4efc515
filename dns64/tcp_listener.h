// SPDX-License-Identifier: BSD-3-Clause
// DNS over TCP for clients.
//
// Theory of operation. Queries on a connection are answered as they are finished, in any order
// (RFC 7766 6.2.1.1). Every resource a client can hold is bounded: connections in total and per
// address, queries outstanding, unread answers, and the time between two complete messages. A
// client over a bound is not read from (outstanding, unread) or closed (idle, garbage).
#pragma once

#include <ev++.h>

#include <functional>
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "dns64/figures.h"
#include "dns64/sockets.h"
#include "dns64/stream.h"

namespace isthmus::dns64 {

class TcpListener {
 public:
  using ConnectionId = uint64_t;
  using OnQuery = std::function<void(ConnectionId, Bytes)>;

  TcpListener(struct ev_loop* loop, Figures& figures, OnQuery on_query)
      : loop_(loop), figures_(figures), on_query_(std::move(on_query)) {}

  /// `shared`: other listeners of this process listen at the same time.
  Status listen(const std::vector<Address>& addresses, uint16_t port, bool shared = false);
  /// An answer; ignored if the client is gone.
  void reply(ConnectionId id, Bytes message);
  /// A query that gets no answer is garbage: the connection goes.
  void drop(ConnectionId id);
  /// The address of a connection's other end.
  const Address& client(ConnectionId id) const { return connections_.at(id)->client; }
  std::size_t connections() const { return connections_.size(); }
  /// The port of the first listening socket, which tests leave to the kernel.
  uint16_t port() const;

  static constexpr std::size_t kMaxConnections = 1024;
  static constexpr std::size_t kMaxPerAddress = 32;
  static constexpr unsigned kMaxOutstanding = 64;
  static constexpr std::size_t kMaxUnread = 256 * 1024;
  static constexpr double kIdleSeconds = 10;  // RFC 7766 6.2.3: "on the order of seconds"

 private:
  struct Socket {
    Address address;
    Fd fd;
    ev::io watcher;
    TcpListener* owner = nullptr;
    void on_ready(ev::io&, int) { owner->accept(*this); }
  };
  struct Connection {
    ConnectionId id = 0;
    Address client;
    Fd fd;
    ev::io watcher;
    ev::timer idle;
    StreamReader reader;
    StreamWriter writer;
    unsigned outstanding = 0;
    bool at_end = false;   ///< the client sends no more
    bool dropped = false;  ///< to be closed when nobody is using it
    bool reading = false;  ///< inside pump()
    TcpListener* owner = nullptr;
    void on_ready(ev::io&, int events) { owner->handle(*this, events); }
    void on_idle(ev::timer&, int) { owner->close(*this); }
  };

  void accept(Socket& socket);
  void handle(Connection& connection, int events);
  void pump(Connection& connection);
  /// Closes the connection if its time has come, else sets what to wait for. True: closed.
  bool settle(Connection& connection);
  void close(Connection& connection);
  bool may_read(const Connection& connection) const;

  struct ev_loop* loop_;
  Figures& figures_;
  OnQuery on_query_;
  std::list<Socket> sockets_;
  std::unordered_map<ConnectionId, std::unique_ptr<Connection>> connections_;
  ConnectionId last_id_ = 0;
};

}  // namespace isthmus::dns64
