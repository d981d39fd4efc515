// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/service.h"

#include <ev++.h>

#include <unordered_map>
#include <utility>

#include "dns64/engine.h"
#include "dns64/tcp_listener.h"
#include "dns64/tcp_upstream.h"
#include "dns64/udp_upstream.h"

namespace isthmus::dns64 {
namespace {

constexpr std::size_t kMaxUpstreams = 16;

EngineSettings settings_of(const conf::Dns64& config, const net::Prefix6052& prefix,
                           const MayCarry& may_carry) {
  EngineSettings settings;
  settings.policy.rules = {{net::Ip4Prefix{}, prefix}};
  // RFC 6147 5.1.4: ::ffff/96 is excluded by default.
  if (!config.exclude.empty()) settings.policy.exclude = config.exclude;
  settings.policy.may_carry = may_carry;
  settings.upstreams = static_cast<unsigned>(config.upstreams.size());
  settings.upstream_timeout_ms = config.upstream_timeout_ms;
  settings.cache_entries = config.cache_entries;
  settings.max_in_flight = config.max_in_flight;
  return settings;
}

Status check(const conf::Dns64& config) {
  if (config.upstreams.empty()) {
    return Error{"dns64.upstreams is empty; name at least one resolver to ask"};
  }
  if (config.upstreams.size() > kMaxUpstreams) {
    return Error{"dns64.upstreams names more than 16 resolvers; remove some"};
  }
  if (config.upstream_timeout_ms == 0) {
    return Error{"dns64.upstream_timeout_ms is 0; give the resolvers some time"};
  }
  return Ok{};
}

class ServiceImpl final : public Service, private Actions {
 public:
  ServiceImpl(const conf::Dns64& config, const net::Prefix6052& prefix, const MayCarry& may_carry,
              struct ev_loop* loop, uint16_t tcp_port)
      : config_(config),
        prefix_(prefix),
        tcp_port_(tcp_port),
        loop_(loop),
        engine_(with_random(settings_of(config, prefix, may_carry))),
        udp_(
            loop, random_, [this](SendId id, Bytes m) { on_upstream_answer(id, m); },
            [this](SendId id) { on_upstream_failure(id); }),
        tcp_(
            loop, [this](SendId id, Bytes m) { on_upstream_answer(id, m); },
            [this](SendId id) { on_upstream_failure(id); }),
        listener_(loop, engine_.figures(),
                  [this](TcpListener::ConnectionId id, Bytes m) { on_tcp_query(id, m); }) {
    resolve_upstreams();
    timer_.set(loop);
    timer_.set<ServiceImpl, &ServiceImpl::on_timer>(this);
  }

  Status listen_tcp() override {
    listening_ = true;
    return listener_.listen(config_.listen, tcp_port_);
  }

  void on_udp_query(const Address&, uint16_t, Bytes message, Reply reply) override {
    query(message, false, {std::move(reply), 0});
  }

  Status update(const conf::Dns64& config, const MayCarry& may_carry) override {
    if (Status status = check(config); !status) return status;
    if (listening_) {
      if (Status status = listener_.listen(config.listen, tcp_port_); !status) return status;
    }
    config_ = config;
    resolve_upstreams();
    engine_.update(now(), settings_of(config, prefix_, may_carry), *this);
    after_engine();
    return Ok{};
  }

  void flush_cache() override { engine_.flush_cache(); }
  std::vector<Figure> figures() const override;
  uint16_t tcp_port() const override { return listener_.port(); }

 private:
  /// What an answer is given to: a function, or a TCP connection.
  struct Client {
    Reply reply;
    TcpListener::ConnectionId connection = 0;
  };

  EngineSettings with_random(EngineSettings settings) {
    settings.random = [this] { return random_(); };
    return settings;
  }

  void resolve_upstreams() {
    upstreams_.clear();
    for (const conf::Endpoint& endpoint : config_.upstreams) {
      upstreams_.push_back(socket_address(endpoint.address, endpoint.port));
    }
  }

  TimeMs now() const {
    ev_now_update(loop_);
    timespec ts;
    ::clock_gettime(CLOCK_MONOTONIC, &ts);
    return static_cast<TimeMs>(ts.tv_sec) * 1000 + static_cast<TimeMs>(ts.tv_nsec) / 1'000'000;
  }

  void query(Bytes message, bool tcp, Client client) {
    const uint64_t token = ++last_token_;
    clients_[token] = std::move(client);
    engine_.on_query(now(), token, tcp, message, *this);
    after_engine();
  }
  void on_tcp_query(TcpListener::ConnectionId id, Bytes message) {
    query(message, true, {nullptr, id});
  }
  void on_upstream_answer(SendId id, Bytes message) {
    engine_.on_answer(now(), id, message, *this);
    after_engine();
  }
  void on_upstream_failure(SendId id) {
    engine_.on_failure(now(), id, *this);
    after_engine();
  }
  void on_timer(ev::timer&, int) {
    engine_.on_time(now(), *this);
    after_engine();
  }

  /// Reports sends that failed on the spot (the engine must not be called from send()), then sets
  /// the timer for what the engine wants next.
  void after_engine();

  void reply(uint64_t token, Bytes message) override;
  void drop(uint64_t token) override;
  void send(SendId id, unsigned upstream, bool tcp, Bytes message) override;
  void cancel(SendId id) override {
    udp_.cancel(id);
    tcp_.cancel(id);
  }

  conf::Dns64 config_;
  net::Prefix6052 prefix_;
  uint16_t tcp_port_;
  struct ev_loop* loop_;
  bool listening_ = false;
  SystemRandom random_;
  Engine engine_;
  UdpUpstream udp_;
  TcpUpstream tcp_;
  TcpListener listener_;
  ev::timer timer_;
  TimeMs timer_at_ = kNever;
  std::vector<SocketAddress> upstreams_;
  std::unordered_map<uint64_t, Client> clients_;
  uint64_t last_token_ = 0;
  std::vector<SendId> refused_;
};

void ServiceImpl::after_engine() {
  while (!refused_.empty()) {
    const SendId id = refused_.back();
    refused_.pop_back();
    engine_.on_failure(now(), id, *this);
  }
  const TimeMs deadline = engine_.next_deadline();
  if (deadline == timer_at_ && timer_.is_active()) return;
  timer_at_ = deadline;
  timer_.stop();
  if (deadline == kNever) return;
  const TimeMs current = now();
  // Rounded up: the clock counts whole milliseconds, and waking too early would spin.
  const TimeMs wait = deadline > current ? deadline - current + 1 : 0;
  timer_.start(static_cast<double>(wait) / 1000, 0);
}

void ServiceImpl::reply(uint64_t token, Bytes message) {
  auto node = clients_.extract(token);
  if (node.empty()) return;
  const Client& client = node.mapped();
  if (client.reply) {
    client.reply(message);
  } else {
    listener_.reply(client.connection, message);
  }
}

void ServiceImpl::drop(uint64_t token) {
  auto node = clients_.extract(token);
  if (!node.empty() && !node.mapped().reply) listener_.drop(node.mapped().connection);
}

void ServiceImpl::send(SendId id, unsigned upstream, bool tcp, Bytes message) {
  const SocketAddress& to = upstreams_[upstream];
  const bool sent = tcp ? tcp_.send(id, to, message) : udp_.send(id, to, message);
  if (!sent) refused_.push_back(id);
}

std::vector<Figure> ServiceImpl::figures() const {
  std::vector<Figure> out;
  for (std::size_t i = 0; i < std::size(kFigureInfo); ++i) {
    out.push_back({kFigureInfo[i].name, engine_.figures().at(i), kFigureInfo[i].help});
  }
  uint64_t down = 0;
  for (unsigned i = 0; i < engine_.upstreams().count(); ++i) down += engine_.upstreams().is_down(i);
  out.push_back({"in-flight", engine_.waiting(), "clients waiting for an answer"});
  out.push_back({"cache-entries", engine_.cache_size(), "answers in the cache"});
  out.push_back({"cache-bytes", engine_.cache_bytes(), "bytes of the answers in the cache"});
  out.push_back({"upstreams-down", down, "upstream resolvers that do not answer"});
  out.push_back({"tcp-connections", listener_.connections(), "TCP connections of clients"});
  return out;
}

}  // namespace

MayCarry may_carry_of(const conf::Config& config) {
  const auto* instance = config.nat64_of_dns64();
  return {instance != nullptr && instance->policy.allow_non_global,
          {config.addresses.global, config.addresses.forbidden}};
}

Result<std::unique_ptr<Service>> Service::make(const conf::Dns64& config,
                                               const net::Prefix6052& prefix,
                                               const MayCarry& may_carry, struct ev_loop* loop,
                                               uint16_t tcp_port) {
  if (Status status = check(config); !status) return status.error();
  return std::unique_ptr<Service>(
      std::make_unique<ServiceImpl>(config, prefix, may_carry, loop, tcp_port));
}

}  // namespace isthmus::dns64
