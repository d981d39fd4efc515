// SPDX-License-Identifier: BSD-3-Clause
// UDP to upstream resolvers: a fresh socket, connected, on a random port, for every query.
//
// A forger who cannot see the query has to guess the port besides ID and letter case (RFC 5452
// 9.2). A connected socket takes datagrams of its upstream only, and hears of ICMP errors.
#pragma once

#include <ev++.h>

#include <functional>
#include <memory>
#include <unordered_map>

#include "dns64/exchange.h"
#include "dns64/sockets.h"

namespace isthmus::dns64 {

class UdpUpstream {
 public:
  using OnAnswer = std::function<void(SendId, Bytes)>;
  using OnFailure = std::function<void(SendId)>;

  UdpUpstream(struct ev_loop* loop, SystemRandom& random, OnAnswer on_answer, OnFailure on_failure)
      : loop_(loop),
        random_(random),
        on_answer_(std::move(on_answer)),
        on_failure_(std::move(on_failure)) {}

  /// False if the kernel refused.
  bool send(SendId id, const SocketAddress& to, Bytes message);
  void cancel(SendId id) { queries_.erase(id); }
  std::size_t open_sockets() const { return queries_.size(); }

 private:
  struct Query {
    SendId id = 0;
    Fd fd;
    ev::io watcher;  // before fd in destruction order: stopped while the descriptor is open
    UdpUpstream* owner = nullptr;
    void on_readable(ev::io&, int) { owner->receive(*this); }
  };

  void receive(Query& query);
  bool bind_random(int fd, int family);

  struct ev_loop* loop_;
  SystemRandom& random_;
  OnAnswer on_answer_;
  OnFailure on_failure_;
  std::unordered_map<SendId, std::unique_ptr<Query>> queries_;
  std::vector<uint8_t> buffer_ = std::vector<uint8_t>(kMaxMessage);
};

}  // namespace isthmus::dns64
