// SPDX-License-Identifier: BSD-3-Clause
// Inside of the DNS64 service: the engine with its sockets. service.h is what others see.
#pragma once

#include <ev++.h>

#include <utility>

#include "dns64/dnstap.h"
#include "dns64/engine.h"
#include "dns64/in_flight_table.h"
#include "dns64/query_log.h"
#include "dns64/service.h"
#include "dns64/tcp_listener.h"
#include "dns64/tcp_upstream.h"
#include "dns64/udp_upstream.h"

namespace isthmus::dns64 {

struct Plan {
  conf::Dns64 config;
  EngineSettings settings;                        ///< without `random`
  std::shared_ptr<const tls::Credentials> trust;  ///< nullptr: no resolver is asked by TLS
};

class ServiceImpl final : public Service, private Actions {
 public:
  ServiceImpl(const conf::Dns64& config, EngineSettings settings, struct ev_loop* loop,
              uint16_t tcp_port)
      : config_(config),
        tcp_port_(tcp_port),
        loop_(loop),
        engine_(with_random(std::move(settings))),
        udp_(
            loop, random_, engine_.figures(),
            [this](SendId id, Bytes m) { on_upstream_answer(id, m); },
            [this](SendId id) { on_upstream_failure(id); }),
        tcp_(
            loop, engine_.figures(), [this](SendId id, Bytes m) { on_upstream_answer(id, m); },
            [this](SendId id) { on_upstream_failure(id); }),
        listener_(loop, engine_.figures(),
                  [this](TcpListener::ConnectionId id, Bytes m) { on_tcp_query(id, m); }) {
    resolve_upstreams();
    timer_.set(loop);
    timer_.set<ServiceImpl, &ServiceImpl::on_timer>(this);
    log_timer_.set(loop);
    log_timer_.set<ServiceImpl, &ServiceImpl::on_log_timer>(this);
  }
  ~ServiceImpl() override { log_.flush(); }
  Status open_log(const conf::Dns64& config);
  void trust(std::shared_ptr<const tls::Credentials> trust) { tcp_.set_trust(std::move(trust)); }

  Status listen_tcp(bool shared) override {
    listening_ = true;
    shared_ = shared;
    return listener_.listen(config_.listen, tcp_port_, shared);
  }

  void on_udp_query(const Address& client, uint16_t port, Bytes message, Reply reply) override {
    query(message, {engine_address(client), false}, {std::move(reply), 0, nullptr, port});
  }
  Status update(const conf::Dns64& config, const Translator& translator) override;
  Status apply(const Plan& plan) override;

  void flush_cache() override { engine_.flush_cache(); }
  Result<unsigned> flush_name(std::string_view name) override;
  std::vector<UpstreamRow> upstreams() const override;
  std::vector<CacheRow> cache(std::size_t limit) const override;
  std::vector<ClientRow> clients() const override;
  std::vector<ZoneRow> zones() const override;
  Result<std::shared_ptr<const Asked>> ask(std::string_view name, std::string_view type,
                                           bool trace) override;
  std::vector<Figure> figures() const override;
  uint16_t tcp_port() const override { return listener_.port(); }

 private:
  /// What an answer is given to: a function, or a TCP connection.
  struct Waiting {
    Reply reply;
    TcpListener::ConnectionId connection = 0;
    std::shared_ptr<Asked> asked;
    uint16_t port = 0;
    net::Ip6 client{};  ///< set by query()
    void reset() { *this = {}; }
  };

  static net::Ip6 engine_address(const Address& address) {
    const auto* v4 = std::get_if<net::Ip4>(&address);
    return v4 ? map_ip4(*v4) : std::get<net::Ip6>(address);
  }

  EngineSettings with_random(EngineSettings settings) {
    settings.random = [this] { return random_(); };
    return settings;
  }

  void resolve_upstreams();

  TimeMs now() const {
    timespec ts;
    ::clock_gettime(CLOCK_MONOTONIC, &ts);
    return static_cast<TimeMs>(ts.tv_sec) * 1000 + static_cast<TimeMs>(ts.tv_nsec) / 1'000'000;
  }

  void query(Bytes message, const Client& client, Waiting waiting, bool trace = false) {
    const uint64_t token = ++last_token_;
    waiting.client = client.address;
    if (tap_.enabled() && !waiting.asked) tap(TapType::kClientQuery, waiting, message);
    clients_.add(token) = std::move(waiting);
    engine_.on_query(now(), token, client, message, *this, trace);
    after_engine();
  }
  void on_tcp_query(TcpListener::ConnectionId id, Bytes message) {
    query(message, {engine_address(listener_.client(id)), true}, {nullptr, id, nullptr});
  }
  void tap(TapType type, const Waiting& client, Bytes message);
  void tap_answer(SendId id, Bytes message);
  void tap(TapType type, unsigned upstream, bool tcp, Bytes message);
  void on_log_timer(ev::timer&, int) { log_.flush(); }
  void on_upstream_answer(SendId id, Bytes message) {
    if (tap_.enabled()) tap_answer(id, message);
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
  void trace(uint64_t token, const std::string& step) override;
  void log(const QueryRecord& record) override { log_.add(record); }
  void send(SendId id, unsigned upstream, bool tcp, Bytes message) override;
  void cancel(SendId id) override {
    udp_.cancel(id);
    tcp_.cancel(id);
  }

  conf::Dns64 config_;
  uint16_t tcp_port_;
  struct ev_loop* loop_;
  bool listening_ = false;
  bool shared_ = false;
  SystemRandom random_;
  Engine engine_;
  UdpUpstream udp_;
  TcpUpstream tcp_;
  TcpListener listener_;
  QueryLog log_;
  DnsTap tap_;
  ev::timer timer_;
  ev::timer log_timer_;
  TimeMs timer_at_ = kNoDeadline;
  std::vector<std::shared_ptr<Remote>> upstreams_;
  InFlightTable<Waiting> clients_;
  uint64_t last_token_ = 0;
  std::vector<SendId> refused_;
};

}  // namespace isthmus::dns64
