// SPDX-License-Identifier: BSD-3-Clause
// A PCP server for a NAT64 (RFC 6887), as a machine without clock and sockets.
//
// Theory of operation. A MAP request asks that packets to some pool address and port be let through
// to the client's port for a while (a lease). The gateway's tables hold the binding; this object
// remembers who asked (the nonce) and until when, renews and ends leases. All state may be lost:
// clients see by the epoch that it was (8.5), and ask again for what they had, which they get if it
// is free. Runs on the control core. One datagram: parse_request(), then announce or map, then
// Gateway::lease() on the worker that has the client; every second expire().
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "pcp/message.h"

namespace isthmus::pcp {

/// A transport address inside.
struct Internal {
  net::Ip6 address;
  uint8_t protocol = 0;
  uint16_t port = 0;

  friend bool operator<(const Internal& a, const Internal& b) {
    return std::tie(a.address, a.protocol, a.port) < std::tie(b.address, b.protocol, b.port);
  }
};

struct External {
  net::Ip4 address;
  uint16_t port = 0;
  bool fixed = false;  ///< bound by the operator, for ever
};

struct Wish {
  Internal internal;
  net::Ip4 address;  ///< suggested; 0.0.0.0: any
  uint16_t port = 0;
  bool nothing_else = false;  ///< PREFER_FAILURE
};

/// What there is of an internal transport address, PCP apart.
enum class Known : uint8_t { kNothing, kOutbound, kFixed };

/// The translator as the server needs it.
class Gateway {
 public:
  virtual ~Gateway() = default;
  /// Makes a binding, or finds it, that stays until release(). Else the reason.
  virtual std::variant<External, Code> lease(const Wish& wish) = 0;
  /// The binding goes with its last session.
  virtual void release(const Internal& internal) = 0;
  virtual Known known(const Internal& internal) = 0;
  /// Translation prefixes that the client may use; empty: it is nobody's client.
  virtual std::vector<net::Prefix6052> prefixes(const net::Ip6& client) = 0;
};

struct Policy {
  uint32_t lifetime_min = 120;    ///< seconds, RFC 6887 15
  uint32_t lifetime_max = 86400;  ///< seconds
  uint32_t mappings = 32;         ///< of one subscriber
  uint8_t subscriber_length = 64;
};

struct Mapping {
  Internal internal;
  External external;
  Nonce nonce{};
  double expires = 0;
};

struct Figures {
  uint64_t requests = 0, answered = 0, refused = 0, ignored = 0, expired = 0;
};

class Server {
 public:
  Server(Gateway& gateway, const Policy& policy, double now)
      : gateway_(gateway), policy_(policy), started_(now) {}

  /// The answer to a datagram from `source`, which arrived where its packets would arrive; nullopt:
  /// none is due. `now` in seconds, of a monotonic clock.
  std::optional<Bytes> answer(std::span<const uint8_t> datagram, const net::Ip6& source,
                              double now);
  /// Ends what is over.
  void expire(double now);
  /// Lets go of mappings that `leaves` says are to go; clients learn it by a new epoch. True if
  /// any.
  bool drop(const std::function<bool(const Mapping&)>& leaves, double now);
  void set_policy(const Policy& policy) { policy_ = policy; }

  uint32_t epoch(double now) const { return static_cast<uint32_t>(now - started_); }
  const std::map<Internal, Mapping>& mappings() const { return mappings_; }
  const Figures& figures() const { return figures_; }

 private:
  /// What the answer to a MAP request says.
  struct Outcome {
    Code code = Code::kSuccess;
    uint32_t lifetime = 0;
    MapFields map{};
  };
  Outcome map(const Request& request, const net::Ip6& client, double now);
  Outcome remove(const Request& request, const Internal& internal);
  Outcome lease(const Request& request, const Internal& internal, double now);
  void remember(const Mapping& mapping);
  void forget(std::map<Internal, Mapping>::iterator at);
  bool has_quota(const net::Ip6& client) const;

  Gateway& gateway_;
  Policy policy_;
  double started_;
  std::map<Internal, Mapping> mappings_;
  std::set<std::pair<double, Internal>> by_end_;
  Figures figures_;
};

}  // namespace isthmus::pcp
