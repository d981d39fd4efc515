// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/udp_upstream.h"

#include <cerrno>

namespace isthmus::dns64 {

bool UdpUpstream::bind_random(int fd, int family) {
  constexpr uint16_t kFirstPort = 16384;
  constexpr uint32_t kPorts = 65536 - kFirstPort;
  for (int i = 0; i < 8; ++i) {
    const auto port = static_cast<uint16_t>(kFirstPort + random_() % kPorts);
    const SocketAddress from = any_address(family, port);
    if (::bind(fd, from.get(), from.size) == 0) return true;
    if (errno != EADDRINUSE && errno != EACCES) return false;
  }
  // Crowded; connect() lets the kernel choose, which is random too.
  return true;
}

bool UdpUpstream::send(SendId id, const SocketAddress& to, Bytes message) {
  auto query = std::make_unique<Query>();
  query->fd = make_socket(to.family(), SOCK_DGRAM);
  if (!query->fd) return false;
  const int fd = query->fd.get();
  if (!bind_random(fd, to.family()) || ::connect(fd, to.get(), to.size) != 0 ||
      ::send(fd, message.data(), message.size(), MSG_NOSIGNAL) < 0) {
    return false;
  }
  query->id = id;
  query->owner = this;
  query->watcher.set(loop_);
  query->watcher.set<Query, &Query::on_readable>(query.get());
  query->watcher.start(fd, ev::READ);
  queries_[id] = std::move(query);
  return true;
}

void UdpUpstream::receive(Query& query) {
  const SendId id = query.id;
  const ssize_t size = ::recv(query.fd.get(), buffer_.data(), buffer_.size(), 0);
  if (size >= 0) {
    // The engine may cancel the query, and so destroy it, in this call.
    on_answer_(id, Bytes(buffer_.data(), static_cast<std::size_t>(size)));
    return;
  }
  if (errno == EAGAIN || errno == EINTR) return;
  cancel(id);
  on_failure_(id);
}

}  // namespace isthmus::dns64
