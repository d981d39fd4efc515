// SPDX-License-Identifier: BSD-3-Clause
// The command socket.
//
// Theory of operation. A Unix stream socket, mode 0660, on the control core's libev loop. Each
// client has a Conversation; a readable or writable socket gives it one bounded turn, so clients
// share the loop fairly with each other and with everything else on it. A client is dropped when it
// takes nothing of its answer, or leaves a line unfinished, for kStall seconds. One that is merely
// idle (a shell left open) may stay until its place is needed.
#pragma once

#include <ev.h>
#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control/commands.h"
#include "control/conversation.h"
#include "net/result.h"

namespace isthmus::control {

class Server {
 public:
  static constexpr double kStall = 30;
  static constexpr double kMayEvictAfter = 10;

  struct Options {
    std::string socket;
    std::string group;  ///< owner group of the socket, if the system has it
    std::size_t max_clients = 32;
    std::function<void(const std::string&)> log;  ///< e.g. who changed something
  };

  /// Takes over a socket that a dead daemon left behind; refuses one that is being served.
  static Result<std::unique_ptr<Server>> make(Options options, Commands& commands,
                                              struct ev_loop* loop);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::size_t clients() const { return clients_.size(); }
  /// Drops clients that stall at time `now` (of the loop's clock). Called every second.
  void sweep(double now);

 private:
  struct Client;

  Server(Options options, Commands& commands, struct ev_loop* loop, int fd);
  static void on_accept(struct ev_loop*, ev_io* watcher, int);
  static void on_timer(struct ev_loop*, ev_timer* watcher, int);
  static void on_client(struct ev_loop*, ev_io* watcher, int events);

  void accept_client();
  bool make_room();
  void add_client(int fd);
  bool may_change(const Client& client, std::string_view line) const;
  void read_from(Client& client);
  void pump(Client& client);
  void watch(Client& client);
  void drop(Client& client);

  Options options_;
  Commands& commands_;
  struct ev_loop* loop_;
  int fd_;
  ino_t inode_ = 0;  ///< of the socket file, so that only our own is removed
  ev_io accept_{};
  ev_timer timer_{};
  std::vector<std::unique_ptr<Client>> clients_;
};

}  // namespace isthmus::control
