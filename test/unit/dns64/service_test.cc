// SPDX-License-Identifier: BSD-3-Clause
// The service over real loopback sockets. A fake resolver lives in the same event loop; every wait
// is for an event, with a guard that fails the test.
#include "dns64/service.h"

#include <ev++.h>
#include <netinet/in.h>

#include <functional>
#include <list>
#include <map>

#include "catch.h"
#include "dns64/sockets.h"
#include "dns64/stream.h"
#include "scenario/wire_text.h"

namespace isthmus::service_test {
using dns64::Bytes;
using test::TextMessage;
using test::Wire;

namespace {

using Address = dns64::Address;

const Address kLoopback4 = net::Ip4::from_host(0x7f000001);
const Address kLoopback6 = *net::parse_ip6("::1");

uint16_t port_of(int fd) {
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
    const auto any = dns64::socket_address(address, 0);
    udp_ = dns64::make_socket(any.family(), SOCK_DGRAM);
    REQUIRE(bind(udp_.get(), any.get(), any.size) == 0);
    port_ = port_of(udp_.get());
    tcp_ = std::move(*dns64::listen_on(address, port_));
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

 private:
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
    if (!answer.empty()) {
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

TextMessage answer_to(const TextMessage& query) {
  TextMessage answer = query;
  answer.flags = {"qr", "rd", "ra"};
  return answer;
}

Wire v4_only(const TextMessage& query, bool) {
  TextMessage answer = answer_to(query);
  if (query.type == "A") answer.sections[0] = {query.name + " 60 IN A 192.0.2.1"};
  return test::to_wire(answer);
}

Wire query_for(const std::string& name, const std::string& type, uint16_t id = 7) {
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
    config.upstreams.push_back({address, resolver.port()});
  }
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

/// A client's TCP connection, blocking only inside the loop.
class TcpClient {
 public:
  TcpClient(Loop& loop, const Address& address, uint16_t port) : loop_(loop) {
    const auto to = dns64::socket_address(address, port);
    fd_ = dns64::make_socket(to.family(), SOCK_STREAM);
    const int result = connect(fd_.get(), to.get(), to.size);
    REQUIRE((result == 0 || errno == EINPROGRESS));
    watcher_.set(loop.get());
    watcher_.set<TcpClient, &TcpClient::on_readable>(this);
    watcher_.start(fd_.get(), ev::READ);
  }
  void send(const Wire& message) {
    writer_.add(message);
    REQUIRE(loop_.until([&] {
      REQUIRE(writer_.flush(fd_.get()));
      return writer_.empty();
    }));
  }
  void send_raw(const Wire& octets) {
    REQUIRE(::send(fd_.get(), octets.data(), octets.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(octets.size()));
  }
  bool wait_for(std::size_t count) {
    return loop_.until([&] { return replies.size() >= count; });
  }
  bool wait_for_end() {
    return loop_.until([&] { return ended; });
  }
  std::vector<TextMessage> replies;
  bool ended = false;

 private:
  void on_readable(ev::io&, int) {
    if (!reader_.fill(fd_.get())) {
      ended = true;
      watcher_.stop();
      return;
    }
    Bytes message;
    while (reader_.next(message)) {
      replies.push_back(test::from_wire({message.begin(), message.end()}));
    }
  }

  Loop& loop_;
  dns64::Fd fd_;
  ev::io watcher_;
  dns64::StreamReader reader_;
  dns64::StreamWriter writer_;
};

}  // namespace

TEST_CASE("service: a query over UDP is synthesised, over IPv4 and IPv6 upstreams") {
  for (const Address& address : {kLoopback4, kLoopback6}) {
    Setup s;
    FakeResolver resolver(s.loop.get(), address, v4_only);
    s.upstream(resolver, address);
    s.start();
    const TextMessage reply = s.ask(query_for("v4.example.", "AAAA"));
    REQUIRE(reply.sections[0].size() == 1);
    CHECK(reply.sections[0][0] ==
          test::canonical_record("v4.example. 60 IN AAAA 2001:db8:64::192.0.2.1"));
    CHECK(s.figure("synthesised") == 1);
    CHECK(s.figure("in-flight") == 0);
  }
}

TEST_CASE("service: RFC 5452 9.2: every query leaves from another port") {
  Setup s;
  FakeResolver resolver(s.loop.get(), kLoopback4, v4_only);
  s.upstream(resolver);
  s.start();
  for (int i = 0; i < 8; ++i) s.ask(query_for("n" + std::to_string(i) + ".example.", "A"));
  std::vector<uint16_t> ports = resolver.client_ports;
  REQUIRE(ports.size() == 8);
  std::sort(ports.begin(), ports.end());
  ports.erase(std::unique(ports.begin(), ports.end()), ports.end());
  // Two of eight may meet by chance, more hardly ever do.
  CHECK(ports.size() >= 6);
}

TEST_CASE("service: RFC 7766 5: an answer with TC is fetched over TCP, on one connection") {
  Setup s;
  FakeResolver resolver(s.loop.get(), kLoopback4, [](const TextMessage& query, bool tcp) {
    TextMessage answer = answer_to(query);
    if (!tcp) {
      answer.flags = {"qr", "tc", "rd", "ra"};
    } else {
      answer.sections[0] = {query.name + " 60 IN TXT \"over tcp\""};
    }
    return test::to_wire(answer);
  });
  s.upstream(resolver);
  s.start();
  CHECK(s.ask(query_for("a.example.", "TXT")).sections[0].size() == 1);
  CHECK(s.ask(query_for("b.example.", "TXT")).sections[0].size() == 1);
  CHECK(s.figure("upstream-sent-tcp") == 2);
  CHECK(resolver.connections() == 1);
}

TEST_CASE("service: a silent upstream is left for the next one") {
  Setup s;
  FakeResolver silent(s.loop.get(), kLoopback4, [](const TextMessage&, bool) { return Wire(); });
  FakeResolver resolver(s.loop.get(), kLoopback4, v4_only);
  s.upstream(silent);
  s.upstream(resolver);
  s.start();
  CHECK(s.ask(query_for("v4.example.", "A")).sections[0].size() == 1);
  CHECK(s.figure("upstream-failover") == 1);
}

TEST_CASE("service: a closed port is noticed at once") {
  Setup s;
  s.config.upstream_timeout_ms = 600'000;  // so that only the ICMP error can help
  uint16_t closed = 0;
  {
    FakeResolver gone(s.loop.get(), kLoopback4, v4_only);
    closed = gone.port();
  }
  s.config.upstreams.push_back({kLoopback4, closed});
  FakeResolver resolver(s.loop.get(), kLoopback4, v4_only);
  s.upstream(resolver);
  s.start();
  CHECK(s.ask(query_for("v4.example.", "A")).sections[0].size() == 1);
  CHECK(s.figure("upstream-failed") == 1);
}

TEST_CASE("service: no upstream answers: SERVFAIL when the time is over") {
  Setup s;
  FakeResolver silent(s.loop.get(), kLoopback4, [](const TextMessage&, bool) { return Wire(); });
  s.upstream(silent);
  s.config.upstream_timeout_ms = 50;
  s.start();
  CHECK(s.ask(query_for("v4.example.", "AAAA")).rcode == "SERVFAIL");
  CHECK(s.figure("upstream-exhausted") == 2);
}

TEST_CASE("service: RFC 7766 6.2.1: TCP clients, several queries on a connection, any order") {
  Setup s;
  FakeResolver resolver(s.loop.get(), kLoopback4, [](const TextMessage& query, bool tcp) {
    return query.name[0] == 's' || query.name[0] == 'S' ? Wire() : v4_only(query, tcp);
  });
  s.upstream(resolver);
  s.start();
  REQUIRE(s.service->listen_tcp());
  TcpClient client(s.loop, kLoopback4, s.service->tcp_port());
  client.send(query_for("silent.example.", "A", 1));
  client.send(query_for("v4.example.", "AAAA", 2));
  client.send(query_for("ipv4only.arpa.", "A", 3));
  REQUIRE(client.wait_for(3));
  std::map<uint16_t, std::string> rcodes;
  for (const TextMessage& reply : client.replies) rcodes[reply.id] = reply.rcode;
  CHECK(rcodes == std::map<uint16_t, std::string>{{1, "SERVFAIL"}, {2, "NOERROR"}, {3, "NOERROR"}});
  CHECK(client.replies.back().id == 1);
  CHECK(s.figure("queries-tcp") == 3);
}

TEST_CASE("service: TCP messages in pieces, garbage, and a client that leaves") {
  Setup s;
  FakeResolver resolver(s.loop.get(), kLoopback4, v4_only);
  s.upstream(resolver);
  s.start();
  REQUIRE(s.service->listen_tcp());
  const uint16_t port = s.service->tcp_port();
  SECTION("octet by octet") {
    TcpClient client(s.loop, kLoopback4, port);
    REQUIRE(s.loop.until([&] { return s.figure("tcp-connections") == 1; }));
    const Wire query = query_for("ipv4only.arpa.", "AAAA");
    client.send_raw({0});
    client.send_raw({static_cast<uint8_t>(query.size())});
    for (const uint8_t octet : query) client.send_raw({octet});
    REQUIRE(client.wait_for(1));
    CHECK(client.replies[0].sections[0].size() == 2);
  }
  SECTION("less than a header closes the connection") {
    TcpClient client(s.loop, kLoopback4, port);
    client.send({1, 2, 3});
    CHECK(client.wait_for_end());
    CHECK(s.figure("dropped-malformed") == 1);
  }
  SECTION("an empty message too") {
    TcpClient client(s.loop, kLoopback4, port);
    client.send({});
    CHECK(client.wait_for_end());
  }
  SECTION("a client that leaves before its answer harms nobody") {
    {
      TcpClient client(s.loop, kLoopback4, port);
      client.send(query_for("a.example.", "AAAA"));
      REQUIRE(s.loop.until([&] { return s.figure("queries-tcp") == 1; }));
    }
    CHECK(s.ask(query_for("b.example.", "AAAA")).sections[0].size() == 1);
    REQUIRE(s.loop.until([&] { return s.figure("tcp-connections") == 0; }));
  }
  SECTION("connections of one address are limited") {
    std::list<TcpClient> clients;
    for (int i = 0; i < 33; ++i) clients.emplace_back(s.loop, kLoopback4, port);
    CHECK(clients.back().wait_for_end());
    CHECK(s.figure("tcp-clients-refused") == 1);
    clients.front().send(query_for("ipv4only.arpa.", "A"));
    CHECK(clients.front().wait_for(1));
  }
}

TEST_CASE("service: RFC 7766 8: 64 KB over TCP, both ways") {
  Setup s;
  FakeResolver resolver(s.loop.get(), kLoopback4, [](const TextMessage& query, bool tcp) {
    TextMessage answer = answer_to(query);
    if (!tcp) {
      answer.flags = {"qr", "tc", "rd", "ra"};
    } else {
      for (int i = 0; i < 200; ++i) {
        answer.sections[0].push_back(query.name + " 60 IN TXT \"" + std::string(250, 'x') + "\"");
      }
    }
    return test::to_wire(answer);
  });
  s.upstream(resolver);
  s.start();
  REQUIRE(s.service->listen_tcp());
  TcpClient client(s.loop, kLoopback4, s.service->tcp_port());
  for (uint16_t i = 0; i < 5; ++i) client.send(query_for("big.example.", "TXT", i));
  REQUIRE(client.wait_for(5));
  for (const TextMessage& reply : client.replies) CHECK(reply.sections[0].size() == 200);
}

TEST_CASE("service: other upstreams after an update; what was in flight is asked again") {
  Setup s;
  FakeResolver silent(s.loop.get(), kLoopback4, [](const TextMessage&, bool) { return Wire(); });
  FakeResolver resolver(s.loop.get(), kLoopback4, v4_only);
  s.upstream(silent);
  s.config.upstream_timeout_ms = 600'000;
  s.start();
  Wire reply;
  s.service->on_udp_query(kLoopback6, 4000, query_for("v4.example.", "A"),
                          [&](Bytes message) { reply.assign(message.begin(), message.end()); });
  REQUIRE(s.loop.until([&] { return !silent.client_ports.empty(); }));
  s.config.upstreams.clear();
  CHECK_FALSE(s.service->update(s.config, {}));
  s.upstream(resolver);
  REQUIRE(s.service->update(s.config, {}));
  REQUIRE(s.loop.until([&] { return !reply.empty(); }));
  CHECK(test::from_wire(reply).sections[0].size() == 1);
}

TEST_CASE("service: what cannot work is said at once") {
  Setup s;
  const auto prefix = net::Prefix6052::well_known();
  const auto made = dns64::Service::make(s.config, {{prefix}, {}}, s.loop.get(), 0);
  REQUIRE_FALSE(made);
  CHECK(made.error().text.find("dns64.upstreams") != std::string::npos);
}

TEST_CASE("service: addresses the machine does not have yet can be listened on") {
  Setup s;
  FakeResolver resolver(s.loop.get(), kLoopback4, v4_only);
  s.upstream(resolver);
  s.config.listen = {Address(*net::parse_ip6("2001:db8::53")),
                     Address(*net::parse_ip4("192.0.2.53"))};
  s.start();
  CHECK(s.service->listen_tcp());
}

}  // namespace isthmus::service_test
