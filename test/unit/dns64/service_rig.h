// SPDX-License-Identifier: BSD-3-Clause
// The service over real loopback sockets, with a fake resolver in the same event loop. Every wait
// is for an event, with a guard that fails the test.
#pragma once

#include <ev++.h>
#include <netinet/in.h>

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "catch.h"
#include "dns64/service.h"
#include "dns64/sockets.h"
#include "dns64/stream.h"
#include "scenario/wire_text.h"

namespace isthmus::service_test {

using dns64::Bytes;
using test::TextMessage;
using test::Wire;
using Address = dns64::Address;

inline const Address kLoopback4 = net::Ip4::from_host(0x7f000001);
inline const Address kLoopback6 = *net::parse_ip6("::1");

inline uint16_t port_of(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size);
  return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
}

class Loop {
 public:
  Loop() : loop_(ev_loop_new(0)) {}
  ~Loop() { ev_loop_destroy(loop_); }
  struct ev_loop* get() {
    return loop_;
  }
  /// Turns until `done`; false if that takes more than ten seconds.
  bool until(const std::function<bool()>& done) {
    bool late = false;
    ev::timer guard;
    guard.set(loop_);
    const auto on_late = [](struct ev_loop*, ev_timer* timer, int) {
      *static_cast<bool*>(timer->data) = true;
    };
    ev_timer timer;
    ev_timer_init(&timer, on_late, 10.0, 0.0);
    timer.data = &late;
    ev_timer_start(loop_, &timer);
    while (!done() && !late) ev_run(loop_, EVRUN_ONCE);
    ev_timer_stop(loop_, &timer);
    return !late;
  }

 private:
  struct ev_loop* loop_;
};

/// Answers by a function of the question; an empty answer is silence.
class FakeResolver {
 public:
  using Handler = std::function<Wire(const TextMessage& query, bool tcp)>;

  FakeResolver(struct ev_loop* loop, const Address& address, Handler handler)
      : loop_(loop), handler_(std::move(handler)) {
    for (unsigned tries = 0; !bind_both(address); ++tries) REQUIRE(tries < 100);
    udp_watcher_.set(loop);
    udp_watcher_.set<FakeResolver, &FakeResolver::on_datagram>(this);
    udp_watcher_.start(udp_.get(), ev::READ);
    tcp_watcher_.set(loop);
    tcp_watcher_.set<FakeResolver, &FakeResolver::on_connection>(this);
    tcp_watcher_.start(tcp_.get(), ev::READ);
  }
  uint16_t port() const { return port_; }
  unsigned connections() const { return connections_; }
  std::vector<uint16_t> client_ports;
  unsigned copies = 1;  ///< of each answer over UDP

 private:
  /// False: what is a free port for UDP is in use for TCP, be it by a connection in TIME-WAIT.
  bool bind_both(const Address& address) {
    const auto any = dns64::socket_address(address, 0);
    udp_ = dns64::make_socket(any.family(), SOCK_DGRAM);
    REQUIRE(bind(udp_.get(), any.get(), any.size) == 0);
    port_ = port_of(udp_.get());
    auto listening = dns64::listen_on(address, port_);
    if (listening) tcp_ = std::move(*listening);
    return static_cast<bool>(listening);
  }
  struct Stream {
    dns64::Fd fd;
    ev::io watcher;
    dns64::StreamReader reader;
    FakeResolver* owner = nullptr;
    void on_readable(ev::io&, int) { owner->on_stream(*this); }
  };

  void on_datagram(ev::io&, int) {
    Wire query(65535);
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const ssize_t got = recvfrom(udp_.get(), query.data(), query.size(), 0,
                                 reinterpret_cast<sockaddr*>(&from), &size);
    if (got <= 0) return;
    query.resize(static_cast<std::size_t>(got));
    client_ports.push_back(ntohs(reinterpret_cast<const sockaddr_in*>(&from)->sin_port));
    const Wire answer = handler_(test::from_wire(query), false);
    for (unsigned i = 0; i < copies && !answer.empty(); ++i) {
      sendto(udp_.get(), answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
    }
  }
  void on_connection(ev::io&, int) {
    dns64::Fd fd(accept4(tcp_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) return;
    ++connections_;
    Stream& stream = streams_.emplace_back();
    stream.fd = std::move(fd);
    stream.owner = this;
    stream.watcher.set(loop_);
    stream.watcher.set<Stream, &Stream::on_readable>(&stream);
    stream.watcher.start(stream.fd.get(), ev::READ);
  }
  void on_stream(Stream& stream) {
    if (!stream.reader.fill(stream.fd.get())) {
      streams_.remove_if([&](const Stream& other) { return &other == &stream; });
      return;
    }
    Bytes message;
    while (stream.reader.next(message)) {
      const Wire answer = handler_(test::from_wire({message.begin(), message.end()}), true);
      dns64::StreamWriter writer;
      writer.add(answer);
      if (!answer.empty()) writer.flush(stream.fd.get());
    }
  }

  struct ev_loop* loop_;
  Handler handler_;
  dns64::Fd udp_;
  dns64::Fd tcp_;
  uint16_t port_ = 0;
  unsigned connections_ = 0;
  ev::io udp_watcher_;
  ev::io tcp_watcher_;
  std::list<Stream> streams_;
};

inline TextMessage answer_to(const TextMessage& query) {
  TextMessage answer = query;
  answer.flags = {"qr", "rd", "ra"};
  return answer;
}

inline Wire v4_only(const TextMessage& query, bool) {
  TextMessage answer = answer_to(query);
  if (query.type == "A") answer.sections[0] = {query.name + " 60 IN A 192.0.2.1"};
  return test::to_wire(answer);
}

inline Wire query_for(const std::string& name, const std::string& type, uint16_t id = 7) {
  TextMessage query;
  query.id = id;
  query.name = name;
  query.type = type;
  query.flags = {"rd"};
  return test::to_wire(query);
}

struct Setup {
  Loop loop;
  conf::Dns64 config;
  std::unique_ptr<dns64::Service> service;

  Setup() {
    config.listen = {kLoopback4, kLoopback6};
    config.upstream_timeout_ms = 300;
  }
  void upstream(const FakeResolver& resolver, const Address& address = kLoopback4) {
    config.upstreams.push_back({address, resolver.port(), conf::DnsTransport::kUdp, ""});
  }
  /// For tests that must know which upstream is asked first: "fastest" explores at random.
  void in_order() { config.upstream_choice = conf::DnsUpstreamChoice::kOrder; }
  void start() {
    const auto prefix = *net::Prefix6052::make(*net::parse_ip6_prefix("2001:db8:64::/96"));
    auto made = dns64::Service::make(config, {{prefix}, {}}, loop.get(), 0);
    REQUIRE(made);
    service = std::move(*made);
  }
  TextMessage ask(const Wire& query) {
    Wire reply;
    service->on_udp_query(kLoopback6, 4000, query,
                          [&](Bytes message) { reply.assign(message.begin(), message.end()); });
    REQUIRE(loop.until([&] { return !reply.empty(); }));
    return test::from_wire(reply);
  }
  uint64_t figure(const std::string& name) {
    for (const auto& f : service->figures()) {
      if (f.name == name) return f.value;
    }
    FAIL("no figure " << name);
    return 0;
  }
};

}  // namespace isthmus::service_test
