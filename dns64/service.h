// SPDX-License-Identifier: BSD-3-Clause
// The DNS64 service as the daemon sees it. The engine inside (dns64/engine.h) is a pure state
// machine; this class gives it sockets: UDP and TCP to upstream resolvers, and a TCP listener for
// clients that come over the twin. UDP queries of clients come in as bytes, because workers punt
// them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "conf/config.h"
#include "dns64/policy.h"
#include "net/addr.h"
#include "net/result.h"

struct ev_loop;

namespace isthmus::dns64 {

using Address = std::variant<net::Ip4, net::Ip6>;

struct Figure {
  std::string name;
  uint64_t value = 0;
  std::string help;
};

/// What the prefix that `config` has DNS64 use may carry.
MayCarry may_carry_of(const conf::Config& config);

class Service {
 public:
  /// Sends an answer to a UDP client, exactly once per accepted query or not at all.
  using Reply = std::function<void(std::span<const uint8_t> message)>;

  /// `prefix` is the translator's. Sockets are registered with `loop`; listening on TCP starts with
  /// listen_tcp(). `tcp_port` is 53 but in tests; 0 lets the kernel choose.
  static Result<std::unique_ptr<Service>> make(const conf::Dns64& config,
                                               const net::Prefix6052& prefix,
                                               const MayCarry& may_carry, struct ev_loop* loop,
                                               uint16_t tcp_port = 53);
  virtual ~Service() = default;

  /// Listens on the service addresses, which the kernel need not have yet (IP_FREEBIND).
  virtual Status listen_tcp() = 0;
  /// The port it listens on.
  virtual uint16_t tcp_port() const = 0;
  /// A UDP query's DNS message. `max_reply` is what the client's path carries without EDNS: 512.
  virtual void on_udp_query(const Address& client, uint16_t client_port,
                            std::span<const uint8_t> message, Reply reply) = 0;
  /// New options, same sockets where they did not change; the cache stays unless answers in it
  /// were made under another policy.
  virtual Status update(const conf::Dns64& config, const MayCarry& may_carry) = 0;
  virtual void flush_cache() = 0;
  virtual std::vector<Figure> figures() const = 0;
};

}  // namespace isthmus::dns64
