// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/tcp_upstream.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace isthmus::dns64 {
namespace {

constexpr const char* kProtocol = "dot";  // RFC 7858's entry in the registry of ALPN identifiers

/// Why a socket that was to be connected is not; 0: it is.
int connect_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

std::vector<uint8_t> with_id(Bytes message, uint16_t id) {
  std::vector<uint8_t> copy(message.begin(), message.end());
  copy[0] = static_cast<uint8_t>(id >> 8);
  copy[1] = static_cast<uint8_t>(id);
  return copy;
}

}  // namespace

void TcpUpstream::set_trust(std::shared_ptr<const tls::Credentials> trust) {
  trust_ = std::move(trust);
  connections_.remove_if([](const Connection& connection) { return connection.to->tls; });
}

void TcpUpstream::keep_only(const std::vector<std::shared_ptr<Remote>>& remotes) {
  connections_.remove_if([&](const Connection& connection) {
    return std::find(remotes.begin(), remotes.end(), connection.to) == remotes.end();
  });
}

TcpUpstream::Connection* TcpUpstream::connection_for(const std::shared_ptr<Remote>& to) {
  std::size_t count = 0;
  for (Connection& connection : connections_) {
    if (connection.to != to) continue;
    if (connection.outstanding.size() < kMaxOutstanding) return &connection;
    ++count;
  }
  return count < kMaxPerUpstream ? connect(to) : nullptr;
}

TcpUpstream::Connection* TcpUpstream::connect(const std::shared_ptr<Remote>& to) {
  if (connections_.size() >= kMaxConnections) return nullptr;
  if (to->tls && (!trust_ || ev_now(loop_) < to->again)) return nullptr;
  Fd fd = make_socket(to->to.family(), SOCK_STREAM);
  if (!fd) return nullptr;
  if (::connect(fd.get(), to->to.get(), to->to.size) != 0 && errno != EINPROGRESS) {
    to->trouble = std::strerror(errno);
    return nullptr;
  }
  Connection& connection = connections_.emplace_back();
  connection.to = to;
  connection.fd = std::move(fd);
  if (to->tls) {
    connection.tls = std::make_unique<tls::Session>(trust_, connection.fd.get(),
                                                    tls::Peer{to->name, !to->named, {}, kProtocol});
  }
  connection.owner = this;
  connection.watcher.set(loop_);
  connection.watcher.set<Connection, &Connection::on_ready>(&connection);
  connection.idle.set(loop_);
  connection.idle.set<Connection, &Connection::on_idle>(&connection);
  rest(connection);
  return &connection;
}

bool TcpUpstream::send(SendId id, const std::shared_ptr<Remote>& to, Bytes message) {
  Connection* connection = connection_for(to);
  if (!connection) return false;
  const bool was_idle = connection->outstanding.empty();
  const uint16_t asked_as = get16(message, 0);
  uint16_t on_wire = asked_as;
  while (connection->outstanding.contains(on_wire)) ++on_wire;
  connection->outstanding[on_wire] = {id, asked_as};
  connection->writer.add(on_wire == asked_as ? message : Bytes(with_id(message, on_wire)));
  if (was_idle) rest(*connection);
  watch(*connection);
  return true;
}

/// Starts the time anew after which the connection is closed.
void TcpUpstream::rest(Connection& connection) {
  const bool long_idle = connection.tls && connection.outstanding.empty();
  connection.idle.set(0, long_idle ? kIdleTlsSeconds : kIdleSeconds);
  connection.idle.again();
}

void TcpUpstream::watch(Connection& connection) {
  int events = ev::READ;
  if (!connection.connected) {
    events = ev::WRITE;
  } else if (!connection.stands) {
    events = connection.tls->wants_write() ? ev::WRITE : ev::READ;
  } else if (!connection.writer.empty()) {
    events |= ev::WRITE;
  }
  connection.watcher.stop();
  connection.watcher.start(connection.fd.get(), events);
}

void TcpUpstream::cancel(SendId id) {
  for (Connection& connection : connections_) {
    for (auto& [on_wire, query] : connection.outstanding) {
      // The slot stays taken until the answer comes: its ID must not be reused before.
      if (query.id == id) query.id = 0;
    }
  }
}

bool TcpUpstream::establish(Connection& connection) {
  if (const int error = connect_error(connection.fd.get()); error != 0) {
    close(connection, std::strerror(error));
    return false;
  }
  connection.connected = true;
  if (connection.tls) {
    switch (connection.tls->handshake()) {
      case tls::Session::Step::kAgain: watch(connection); return false;
      case tls::Session::Step::kUntrusted:
        figures_.count(FigureId::kTlsUntrusted);
        close(connection, connection.tls->trouble());
        return false;
      case tls::Session::Step::kFailed:
        figures_.count(FigureId::kTlsFailed);
        close(connection, "TLS: " + connection.tls->trouble());
        return false;
      case tls::Session::Step::kDone: figures_.count(FigureId::kTlsConnections);
    }
  }
  connection.stands = true;
  connection.to->trouble.clear();
  return true;
}

bool TcpUpstream::flush(Connection& connection) {
  if (!connection.tls) return connection.writer.flush(connection.fd.get());
  return connection.writer.flush_by([&](Bytes data) { return connection.tls->send(data); });
}

bool TcpUpstream::fill(Connection& connection) {
  if (!connection.tls) return connection.reader.fill(connection.fd.get());
  return connection.reader.fill_by(
      [&](std::span<uint8_t> out) { return connection.tls->receive(out); });
}

void TcpUpstream::handle(Connection& connection, int events) {
  if (!connection.stands) {
    if (!establish(connection)) return;
    events |= ev::WRITE;
  }
  if ((events & ev::WRITE) && !flush(connection)) {
    close(connection, "the connection broke");
    return;
  }
  watch(connection);
  if (!(events & ev::READ)) return;
  // What TLS holds back makes no socket ready.
  do {
    if (!fill(connection)) {
      close(connection, "closed by the resolver");
      return;
    }
    read_answers(connection);
  } while (connection.tls && connection.tls->pending());
}

void TcpUpstream::read_answers(Connection& connection) {
  Bytes message;
  while (connection.reader.next(message)) {
    if (message.size() < kHeaderSize) continue;
    const uint16_t on_wire = get16(message, 0);
    const auto found = connection.outstanding.find(on_wire);
    if (found == connection.outstanding.end()) continue;
    const auto [id, asked_as] = found->second;
    connection.outstanding.erase(found);
    rest(connection);
    if (id == 0) continue;
    on_answer_(id, on_wire == asked_as ? message : Bytes(with_id(message, asked_as)));
  }
}

void TcpUpstream::close(Connection& connection, std::string why) {
  if (!connection.stands) {
    connection.to->trouble = std::move(why);
    connection.to->again = ev_now(loop_) + kPauseSeconds;
  }
  const auto outstanding = std::move(connection.outstanding);
  connections_.remove_if([&](const Connection& other) { return &other == &connection; });
  for (const auto& [on_wire, query] : outstanding) {
    if (query.id != 0) on_failure_(query.id);
  }
}

}  // namespace isthmus::dns64
