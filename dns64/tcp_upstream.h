// SPDX-License-Identifier: BSD-3-Clause
// Connections to upstream resolvers: TCP for answers that UDP cut short, and for resolvers that are
// to be asked so always; TLS (RFC 7858) inside.
//
// Theory of operation. Queries share connections (RFC 7766 6.2.1) and are matched to answers by ID,
// so a connection never carries two with one ID: of a hundred random ones, two meet in every
// fourteenth try. The second goes out with another, and its answer comes back with its own; unlike
// over UDP, there is nothing for a forger to guess. They are written together once the connection,
// and with TLS the proof who is at its other end, stands. A connection that closes fails what is
// outstanding on it; one that has been idle, or silent while something is outstanding, is closed.
// After a TLS connection that came to nothing there is a pause, since trying costs both sides.
#pragma once

#include <ev++.h>

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "dns64/exchange.h"
#include "dns64/sockets.h"
#include "dns64/stream.h"
#include "tls/session.h"

namespace isthmus::dns64 {

/// An upstream as the sockets know it.
struct Remote {
  SocketAddress to;
  bool tls = false;
  bool named = false;   ///< `name` is a domain name, not an address
  std::string name;     ///< that the certificate must hold
  std::string trouble;  ///< why the last connection came to nothing; empty: it stood
  double again = 0;     ///< not to be tried before, on the loop's clock
};

class TcpUpstream {
 public:
  using OnAnswer = std::function<void(SendId, Bytes)>;
  using OnFailure = std::function<void(SendId)>;

  TcpUpstream(struct ev_loop* loop, Figures& figures, OnAnswer on_answer, OnFailure on_failure)
      : loop_(loop),
        figures_(figures),
        on_answer_(std::move(on_answer)),
        on_failure_(std::move(on_failure)) {}

  /// Null unless some upstream is asked by TLS. Connections made with another one are closed; what
  /// is outstanding on them is forgotten.
  void set_trust(std::shared_ptr<const isthmus::tls::Credentials> trust);
  const isthmus::tls::Credentials* trust() const { return trust_.get(); }
  /// False if there is no room, it is too early, or the kernel refused.
  bool send(SendId id, const std::shared_ptr<Remote>& to, Bytes message);
  void cancel(SendId id);
  /// Closes connections to other upstreams than these; what is outstanding on them is forgotten.
  void keep_only(const std::vector<std::shared_ptr<Remote>>& remotes);

  static constexpr std::size_t kMaxConnections = 128;  ///< all upstreams together
  static constexpr std::size_t kMaxPerUpstream = 4;
  static constexpr std::size_t kMaxOutstanding = 1000;
  static constexpr double kIdleSeconds = 5;  ///< also of silence while something is outstanding
  static constexpr double kIdleTlsSeconds = 15;
  static constexpr double kPauseSeconds = 0.3;

 private:
  struct Outstanding {
    SendId id = 0;          ///< 0: cancelled
    uint16_t asked_as = 0;  ///< ID of the message as it was given to send()
  };
  struct Connection {
    std::shared_ptr<Remote> to;
    Fd fd;
    std::unique_ptr<isthmus::tls::Session> tls;  // before fd in destruction order: it says goodbye
    bool connected = false;                      ///< by the kernel
    bool stands = false;                         ///< may carry queries
    ev::io watcher;
    ev::timer idle;
    StreamReader reader;
    StreamWriter writer;
    std::unordered_map<uint16_t, Outstanding> outstanding;  ///< by ID on the connection
    TcpUpstream* owner = nullptr;
    void on_ready(ev::io&, int events) { owner->handle(*this, events); }
    void on_idle(ev::timer&, int) { owner->close(*this, "silence"); }
  };

  Connection* connection_for(const std::shared_ptr<Remote>& to);
  Connection* connect(const std::shared_ptr<Remote>& to);
  void handle(Connection& connection, int events);
  /// False: the connection is gone, or does not stand yet.
  bool establish(Connection& connection);
  bool flush(Connection& connection);
  bool fill(Connection& connection);
  void read_answers(Connection& connection);
  void watch(Connection& connection);
  void rest(Connection& connection);
  void close(Connection& connection, std::string why);

  struct ev_loop* loop_;
  Figures& figures_;
  OnAnswer on_answer_;
  OnFailure on_failure_;
  std::shared_ptr<const isthmus::tls::Credentials> trust_;
  std::list<Connection> connections_;
};

}  // namespace isthmus::dns64
