// SPDX-License-Identifier: BSD-3-Clause
// UDP to upstream resolvers: connected sockets on random ports, which some queries share.
//
// Theory of operation. A forger who cannot see a query has to guess its port besides its ID and
// letter case (RFC 5452 9.2). A socket of its own for each query costs eight system calls around
// one datagram each way, so an upstream has up to kPorts sockets, and a query leaves by one drawn
// at random. A port carries kUses queries within kSeconds at most; then another takes its place,
// and it is closed when nothing is in flight on it: what somebody found out is soon worth nothing.
// A connected socket takes datagrams of its upstream only, and hears of ICMP errors. Queries wait
// until the loop is about to, and are then written a socket at a time (sendmmsg), as answers are
// read (recvmmsg). What a question needs here is used again by the next ones. One thread: the
// loop's. Ports are destroyed before the loop waits, never while the engine, which asks anew from
// inside an answer, may be using one. doc/decisions/048.
#pragma once

#include <ev++.h>

#include <array>
#include <functional>
#include <list>
#include <vector>

#include "dns64/exchange.h"
#include "dns64/in_flight_table.h"
#include "dns64/sockets.h"

namespace isthmus::dns64 {

class UdpUpstream {
 public:
  using OnAnswer = std::function<void(SendId, Bytes)>;
  using OnFailure = std::function<void(SendId)>;

  UdpUpstream(struct ev_loop* loop, SystemRandom& random, Figures& figures, OnAnswer on_answer,
              OnFailure on_failure);
  UdpUpstream(const UdpUpstream&) = delete;
  UdpUpstream& operator=(const UdpUpstream&) = delete;

  /// Sends when the loop is about to wait; what the kernel refuses then is a failure like any
  /// other. False if there is no socket to be had.
  bool send(SendId id, const SocketAddress& to, Bytes message);
  void cancel(SendId id);
  std::size_t open_sockets() const { return ports_.size(); }

  static constexpr unsigned kPorts = 32;  ///< of each upstream, that take queries
  static constexpr unsigned kUses = 64;
  static constexpr double kSeconds = 5;

 private:
  static constexpr std::size_t kMaxSpare = 64;

  struct Queued {
    uint32_t at = 0;  ///< in queued_
    uint16_t size = 0;
  };
  struct Port {
    SocketAddress to;
    Fd fd;
    ev::io watcher;  // before fd in destruction order: stopped while the descriptor is open
    UdpUpstream* owner = nullptr;
    ev_tstamp opened = 0;
    bool retired = false;
    unsigned used = 0;
    unsigned in_flight = 0;
    unsigned waiting = 0;  ///< of those, with messages in queued_
    std::array<uint16_t, kUses> ids;
    std::array<SendId, kUses> sends;  ///< 0: settled
    std::array<Queued, kUses> queued;
    void on_readable(ev::io&, int) { owner->receive(*this); }
    /// Which of its queries has `id`; `used` if none has.
    unsigned find(uint16_t id) const;
  };
  struct Upstream {
    SocketAddress to;
    std::vector<Port*> ports;
  };
  struct Place {
    Port* port = nullptr;
    unsigned index = 0;
    void reset() {}
  };

  Upstream& upstream_of(const SocketAddress& to);
  Port* port_for(Upstream& upstream, uint16_t id);
  Port* open(const SocketAddress& to);
  bool bind_random(int fd, int family);
  bool usable(const Port& port) const;
  void retire(Port& port);
  void close_retired();
  void flush(Port& port);
  void receive(Port& port);
  /// Forgets what is in flight on `port` from its query number `first` on, and says so.
  void fail(Port& port, unsigned first);
  void on_prepare(ev::prepare&, int);
  void on_sweep(ev::timer&, int);

  struct ev_loop* loop_;
  SystemRandom& random_;
  Figures& figures_;
  OnAnswer on_answer_;
  OnFailure on_failure_;
  ev::prepare prepare_;
  ev::timer sweep_;
  std::list<Port> ports_;
  std::list<Port> spare_;  ///< closed, to be opened again
  bool to_close_ = false;  ///< some port may be retired and settled
  std::vector<Upstream> upstreams_;
  std::vector<Port*> waiting_;   ///< with messages queued
  std::vector<uint8_t> queued_;  ///< messages one behind the other
  InFlightTable<Place> places_;
  std::vector<uint8_t> buffer_;
};

}  // namespace isthmus::dns64
