// SPDX-License-Identifier: BSD-3-Clause
#include "control/server.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "control/server_socket.h"

namespace isthmus::control {

struct Server::Client {
  Client(Server& owner, int socket)
      : server(owner), fd(socket), conversation(owner.commands_, [this](std::string_view line) {
          return server.may_change(*this, line);
        }) {}

  Server& server;
  int fd;
  ev_io watcher{};
  Conversation conversation;
  double last_progress = 0;  ///< when it last sent, or took, something
};

Result<std::unique_ptr<Server>> Server::make(Options options, Commands& commands,
                                             struct ev_loop* loop) {
  const auto fd = listen_unix(options.socket, options.group);
  if (!fd) return fd.error();
  return std::unique_ptr<Server>(new Server(std::move(options), commands, loop, *fd));
}

Server::Server(Options options, Commands& commands, struct ev_loop* loop, int fd)
    : options_(std::move(options)), commands_(commands), loop_(loop), fd_(fd) {
  struct stat info;
  if (stat(options_.socket.c_str(), &info) == 0) inode_ = info.st_ino;
  ev_io_init(&accept_, on_accept, fd_, EV_READ);
  accept_.data = this;
  ev_io_start(loop_, &accept_);
  ev_timer_init(&timer_, on_timer, 1, 1);
  timer_.data = this;
  ev_timer_start(loop_, &timer_);
}

Server::~Server() {
  while (!clients_.empty()) drop(*clients_.back());
  ev_io_stop(loop_, &accept_);
  ev_timer_stop(loop_, &timer_);
  close(fd_);
  struct stat info;
  if (stat(options_.socket.c_str(), &info) == 0 && info.st_ino == inode_) {
    unlink(options_.socket.c_str());
  }
}

void Server::on_accept(struct ev_loop*, ev_io* watcher, int) {
  static_cast<Server*>(watcher->data)->accept_client();
}

void Server::on_timer(struct ev_loop* loop, ev_timer* watcher, int) {
  static_cast<Server*>(watcher->data)->sweep(ev_now(loop));
}

void Server::on_client(struct ev_loop*, ev_io* watcher, int events) {
  auto& client = *static_cast<Client*>(watcher->data);
  auto& server = client.server;
  // Writable again means that it took something.
  if ((events & EV_WRITE) != 0) client.last_progress = ev_now(server.loop_);
  if ((events & EV_READ) != 0) server.read_from(client);
  server.pump(client);
}

void Server::accept_client() {
  const int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd >= 0) {
    add_client(fd);
  } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
    // The listening socket stays readable: without a pause the loop would spin on it.
    ev_io_stop(loop_, &accept_);
  }
}

bool Server::make_room() {
  if (clients_.size() < options_.max_clients) return true;
  const double now = ev_now(loop_);
  Client* victim = nullptr;
  for (const auto& client : clients_) {
    const bool is_idle = !client->conversation.busy() && client->conversation.out().empty() &&
                         now - client->last_progress >= kMayEvictAfter;
    if (is_idle && (victim == nullptr || client->last_progress < victim->last_progress)) {
      victim = client.get();
    }
  }
  if (victim == nullptr) return false;
  drop(*victim);
  return true;
}

void Server::add_client(int fd) {
  const bool has_room = make_room();
  auto& client = *clients_.emplace_back(std::make_unique<Client>(*this, fd));
  client.last_progress = ev_now(loop_);
  client.conversation.session().may_name_files = peer_is_root(fd);
  ev_io_init(&client.watcher, on_client, fd, EV_READ);
  client.watcher.data = &client;
  if (!has_room) {
    client.conversation.refuse({fmt::format("{} clients are connected", options_.max_clients),
                                "close one, or try again in a few seconds"});
  }
  pump(client);
}

bool Server::may_change(const Client& client, std::string_view line) const {
  const auto peer = peer_name(client.fd);
  if (options_.log) options_.log(fmt::format("command from {}: {}", peer.value_or("?"), line));
  return peer.has_value();
}

void Server::read_from(Client& client) {
  if (!client.conversation.wants_input()) return;
  char buffer[kMaxLine];
  const ssize_t n = recv(client.fd, buffer, sizeof buffer, 0);
  if (n > 0) {
    client.last_progress = ev_now(loop_);
    client.conversation.receive({buffer, static_cast<std::size_t>(n)});
  } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
    client.conversation.end_of_input();
  }
}

void Server::pump(Client& client) {
  auto& conversation = client.conversation;
  conversation.work();
  auto& out = conversation.out();
  if (!out.empty()) {
    const ssize_t n = send(client.fd, out.data(), out.size(), MSG_NOSIGNAL);
    if (n > 0) {
      out.erase(0, static_cast<std::size_t>(n));
      client.last_progress = ev_now(loop_);
    } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
      drop(client);
      return;
    }
  }
  if (out.empty() && conversation.finished()) {
    drop(client);
    return;
  }
  watch(client);
}

void Server::watch(Client& client) {
  int events = 0;
  if (client.conversation.wants_input()) events |= EV_READ;
  if (client.conversation.busy() || !client.conversation.out().empty()) events |= EV_WRITE;
  ev_io_stop(loop_, &client.watcher);
  ev_io_set(&client.watcher, client.fd, events);
  ev_io_start(loop_, &client.watcher);
}

void Server::drop(Client& client) {
  ev_io_stop(loop_, &client.watcher);
  close(client.fd);
  std::erase_if(clients_, [&](const auto& other) { return other.get() == &client; });
}

void Server::sweep(double now) {
  commands_.tick();
  ev_io_start(loop_, &accept_);
  for (std::size_t i = clients_.size(); i-- > 0;) {
    auto& client = *clients_[i];
    auto& conversation = client.conversation;
    const bool owes_us =
        conversation.in_mid_line() || conversation.busy() || !conversation.out().empty();
    if (owes_us && now - client.last_progress >= kStall) drop(client);
  }
}

}  // namespace isthmus::control
