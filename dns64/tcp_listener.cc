// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/tcp_listener.h"

#include <netinet/in.h>

#include <algorithm>

namespace isthmus::dns64 {

Status TcpListener::listen(const std::vector<Address>& addresses, uint16_t port, bool shared) {
  std::list<Socket> sockets;
  for (const Address& address : addresses) {
    // Sockets that are already there stay; the rest is replaced only if all of it works.
    const auto old = std::find_if(sockets_.begin(), sockets_.end(),
                                  [&](const Socket& s) { return s.address == address; });
    if (old != sockets_.end()) continue;
    Result<Fd> fd = listen_on(address, port, shared);
    if (!fd) return fd.error();
    Socket& socket = sockets.emplace_back();
    socket.address = address;
    socket.fd = std::move(*fd);
    socket.owner = this;
  }
  sockets_.remove_if([&](const Socket& socket) {
    return std::find(addresses.begin(), addresses.end(), socket.address) == addresses.end();
  });
  for (Socket& socket : sockets) {
    socket.watcher.set(loop_);
    socket.watcher.set<Socket, &Socket::on_ready>(&socket);
    socket.watcher.start(socket.fd.get(), ev::READ);
  }
  sockets_.splice(sockets_.end(), sockets);
  return Ok{};
}

uint16_t TcpListener::port() const {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (sockets_.empty()) return 0;
  ::getsockname(sockets_.front().fd.get(), reinterpret_cast<sockaddr*>(&storage), &size);
  // The port lies at the same place in both families.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
}

void TcpListener::accept(Socket& socket) {
  sockaddr_storage from{};
  socklen_t size = sizeof from;
  Fd fd(::accept4(socket.fd.get(), reinterpret_cast<sockaddr*>(&from), &size,
                  SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd) return;
  const Address client = address_of(from);
  const auto of_client = std::count_if(connections_.begin(), connections_.end(),
                                       [&](const auto& c) { return c.second->client == client; });
  if (connections_.size() >= kMaxConnections ||
      static_cast<std::size_t>(of_client) >= kMaxPerAddress) {
    figures_.count(FigureId::kTcpClientsRefused);
    return;
  }
  figures_.count(FigureId::kTcpClients);
  const ConnectionId id = ++last_id_;
  auto& connection = *(connections_[id] = std::make_unique<Connection>());
  connection.id = id;
  connection.client = client;
  connection.fd = std::move(fd);
  connection.owner = this;
  connection.watcher.set(loop_);
  connection.watcher.set<Connection, &Connection::on_ready>(&connection);
  connection.idle.set(loop_);
  connection.idle.set<Connection, &Connection::on_idle>(&connection);
  connection.idle.set(kIdleSeconds, kIdleSeconds);
  connection.idle.start();
  settle(connection);
}

bool TcpListener::may_read(const Connection& connection) const {
  return !connection.at_end && connection.outstanding < kMaxOutstanding &&
         connection.writer.size() < kMaxUnread;
}

void TcpListener::handle(Connection& connection, int events) {
  if ((events & ev::WRITE) && !connection.writer.flush(connection.fd.get())) {
    close(connection);
    return;
  }
  if ((events & ev::READ) && !connection.reader.fill(connection.fd.get())) {
    connection.at_end = true;
  }
  pump(connection);
}

void TcpListener::pump(Connection& connection) {
  // Answers may be given inside on_query_; they come back through reply().
  connection.reading = true;
  Bytes message;
  while (!connection.dropped && connection.outstanding < kMaxOutstanding &&
         connection.writer.size() < kMaxUnread && connection.reader.next(message)) {
    ++connection.outstanding;
    // Only a complete message counts as a sign of life: one octet a second is no conversation.
    connection.idle.again();
    on_query_(connection.id, message);
  }
  connection.reading = false;
  settle(connection);
}

bool TcpListener::settle(Connection& connection) {
  const bool done = connection.at_end && connection.outstanding == 0 && connection.writer.empty();
  if (connection.dropped || done) {
    close(connection);
    return true;
  }
  const int events = (may_read(connection) ? ev::READ : 0) |
                     (connection.writer.empty() ? 0 : static_cast<int>(ev::WRITE));
  connection.watcher.stop();
  if (events != 0) connection.watcher.start(connection.fd.get(), events);
  return false;
}

void TcpListener::reply(ConnectionId id, Bytes message) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = *found->second;
  --connection.outstanding;
  connection.writer.add(message);
  if (!connection.writer.flush(connection.fd.get())) connection.dropped = true;
  // Not here: the engine is in the middle of something, and must not be given another query.
  if (!connection.reading) connection.watcher.feed_event(EV_CUSTOM);
}

void TcpListener::drop(ConnectionId id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = *found->second;
  --connection.outstanding;
  connection.dropped = true;
  if (!connection.reading) close(connection);
}

void TcpListener::close(Connection& connection) {
  figures_.count(FigureId::kTcpClientsClosed);
  connections_.erase(connection.id);
}

}  // namespace isthmus::dns64
