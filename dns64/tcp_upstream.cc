// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/tcp_upstream.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace isthmus::dns64 {
namespace {

bool same(const SocketAddress& a, const SocketAddress& b) {
  return a.size == b.size && std::memcmp(&a.storage, &b.storage, a.size) == 0;
}

}  // namespace

TcpUpstream::Connection* TcpUpstream::connection_for(const SocketAddress& to, uint16_t message_id) {
  for (Connection& connection : connections_) {
    if (same(connection.to, to) && connection.outstanding.size() < kMaxOutstanding &&
        !connection.outstanding.contains(message_id)) {
      return &connection;
    }
  }
  return connect(to);
}

TcpUpstream::Connection* TcpUpstream::connect(const SocketAddress& to) {
  if (connections_.size() >= kMaxConnections) return nullptr;
  Fd fd = make_socket(to.family(), SOCK_STREAM);
  if (!fd) return nullptr;
  if (::connect(fd.get(), to.get(), to.size) != 0 && errno != EINPROGRESS) return nullptr;
  Connection& connection = connections_.emplace_back();
  connection.to = to;
  connection.fd = std::move(fd);
  connection.owner = this;
  connection.watcher.set(loop_);
  connection.watcher.set<Connection, &Connection::on_ready>(&connection);
  connection.idle.set(loop_);
  connection.idle.set<Connection, &Connection::on_idle>(&connection);
  connection.idle.set(kIdleSeconds, kIdleSeconds);
  connection.idle.start();
  return &connection;
}

bool TcpUpstream::send(SendId id, const SocketAddress& to, Bytes message) {
  const uint16_t message_id = get16(message, 0);
  Connection* connection = connection_for(to, message_id);
  if (!connection) return false;
  connection->outstanding[message_id] = id;
  connection->writer.add(message);
  connection->idle.again();
  watch(*connection);
  return true;
}

void TcpUpstream::watch(Connection& connection) {
  connection.watcher.stop();
  connection.watcher.start(connection.fd.get(),
                           connection.writer.empty() ? ev::READ : ev::READ | ev::WRITE);
}

void TcpUpstream::cancel(SendId id) {
  for (Connection& connection : connections_) {
    for (auto& [message_id, send_id] : connection.outstanding) {
      // The slot stays taken until the answer comes: its ID must not be reused before.
      if (send_id == id) send_id = 0;
    }
  }
}

void TcpUpstream::handle(Connection& connection, int events) {
  if ((events & ev::WRITE) && !connection.writer.flush(connection.fd.get())) {
    close(connection);
    return;
  }
  watch(connection);
  if (!(events & ev::READ)) return;
  if (!connection.reader.fill(connection.fd.get())) {
    close(connection);
    return;
  }
  connection.idle.again();
  Bytes message;
  while (connection.reader.next(message)) {
    if (message.size() < kHeaderSize) continue;
    const auto found = connection.outstanding.find(get16(message, 0));
    if (found == connection.outstanding.end()) continue;
    const SendId id = found->second;
    connection.outstanding.erase(found);
    if (id != 0) on_answer_(id, message);
  }
}

void TcpUpstream::close(Connection& connection) {
  const auto outstanding = std::move(connection.outstanding);
  connections_.remove_if([&](const Connection& other) { return &other == &connection; });
  for (const auto& [message_id, id] : outstanding) {
    if (id != 0) on_failure_(id);
  }
}

}  // namespace isthmus::dns64
