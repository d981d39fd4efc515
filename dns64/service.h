// SPDX-License-Identifier: BSD-3-Clause
// The DNS64 service as the daemon sees it. The engine inside (dns64/engine.h) is a pure state
// machine; this class gives it sockets: UDP and TCP to upstream resolvers, and a TCP listener for
// clients that come over the twin. UDP queries of clients come in as bytes, because workers punt
// them. A service belongs to one thread, that of its loop. Several may work side by side, each for
// some of the clients (control/dns_cores.h): they share nothing but their plan, which is constant.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "conf/config.h"
#include "dns64/settings.h"
#include "net/addr.h"
#include "net/result.h"

struct ev_loop;

namespace isthmus::dns64 {

using Address = std::variant<net::Ip4, net::Ip6>;

struct Figure {
  std::string name;
  uint64_t value = 0;
  std::string help;
  bool shared = false;  ///< services that share the clients each count the same things
};

struct UpstreamRow {
  std::string address;
  std::string zone;     ///< "." for the default ones
  std::string trouble;  ///< why the last connection came to nothing
  UpstreamInfo info;
};
struct CacheRow {
  std::string name, type, rcode;
  int64_t ttl = 0;  ///< seconds left; negative: stale
  uint32_t uses = 0;
  std::size_t octets = 0;
};
struct ClientRow {
  std::string clients;
  uint64_t waiting = 0;
};
struct ZoneRow {
  std::string name, kind;
  std::string source;
  uint64_t count = 0;  ///< of its names or resolvers
};

/// One that answers, where there are DNS cores.
struct CoreRow {
  unsigned cpu = 0;
  bool turns = true;  ///< false: it says nothing, so the rest is unknown
  uint64_t queries = 0, cache_hits = 0, waiting = 0, cache_entries = 0;
};

/// A question asked by the operator.
struct Asked {
  std::vector<std::string> steps;
  std::string answer;             ///< as dig prints it
  std::atomic<bool> done{false};  ///< the rest may be read: another thread may have written it
};

/// DNS64 as the operator sees it, be it one service or several that share the clients.
class Control {
 public:
  virtual ~Control() = default;

  /// New options, same sockets where they did not change; the cache stays unless answers in it
  /// were made under another policy.
  virtual Status update(const conf::Dns64& config, const Translator& translator) = 0;
  virtual void flush_cache() = 0;
  /// Forgets what is cached of a name. Returns how many answers those were.
  virtual Result<unsigned> flush_name(std::string_view name) = 0;
  virtual std::vector<UpstreamRow> upstreams() const = 0;
  /// The `limit` answers used last.
  virtual std::vector<CacheRow> cache(std::size_t limit) const = 0;
  /// Clients that wait for answers.
  virtual std::vector<ClientRow> clients() const = 0;
  virtual std::vector<ZoneRow> zones() const = 0;
  /// Asks as a client would; the result is filled in now or later.
  virtual Result<std::shared_ptr<const Asked>> ask(std::string_view name, std::string_view type,
                                                   bool trace) = 0;
  virtual std::vector<Figure> figures() const = 0;
  /// None: the control core does it all.
  virtual std::vector<CoreRow> cores() const { return {}; }
};

/// A configuration that was checked and whose files were read; services may share it.
struct Plan;
using SharedPlan = std::shared_ptr<const Plan>;

class Service : public Control {
 public:
  /// Sends an answer to a UDP client, exactly once per accepted query or not at all.
  using Reply = std::function<void(std::span<const uint8_t> message)>;

  /// From any thread. An error names file, line and text.
  static Result<SharedPlan> prepare(const conf::Dns64& config, const Translator& translator);
  /// Sockets are registered with `loop`; listening on TCP starts with
  /// listen_tcp(). `tcp_port` is 53 but in tests; 0 lets the kernel choose.
  static Result<std::unique_ptr<Service>> make(const Plan& plan, struct ev_loop* loop,
                                               uint16_t tcp_port = 53);
  static Result<std::unique_ptr<Service>> make(const conf::Dns64& config,
                                               const Translator& translator, struct ev_loop* loop,
                                               uint16_t tcp_port = 53);

  /// Listens on the service addresses, which the kernel need not have yet (IP_FREEBIND). `shared`:
  /// so do other services of this process; the kernel deals the connections out.
  virtual Status listen_tcp(bool shared = false) = 0;
  /// The port it listens on.
  virtual uint16_t tcp_port() const = 0;
  /// A UDP query's DNS message.
  virtual void on_udp_query(const Address& client, uint16_t client_port,
                            std::span<const uint8_t> message, Reply reply) = 0;
  /// What update() does once the plan is made.
  virtual Status apply(const Plan& plan) = 0;
};

}  // namespace isthmus::dns64
