// SPDX-License-Identifier: BSD-3-Clause
// The service over real loopback sockets.
#include <cerrno>
#include <map>

#include "dns64/tcp_upstream.h"
#include "dns64/udp_upstream.h"
#include "service_rig.h"

namespace isthmus::service_test {
namespace {

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

TEST_CASE("service: RFC 5452 9.2: no port carries many queries, and many are in use at once") {
  Setup s;
  std::map<uint16_t, unsigned> uses;
  FakeResolver resolver(s.loop.get(), kLoopback4, v4_only);
  s.upstream(resolver);
  s.config.upstream_timeout_ms = 20'000;  // a slow machine is no dead resolver
  s.start();
  constexpr unsigned kQueries = 3000;
  unsigned replies = 0;
  for (unsigned i = 0; i < kQueries; ++i) {
    s.service->on_udp_query(kLoopback6, 4000, query_for("n" + std::to_string(i) + ".example.", "A"),
                            [&](Bytes message) { replies += dns64::get16(message, 6) == 1; });
    if (i % 100 == 99) REQUIRE(s.loop.until([&] { return replies == i + 1; }));
  }
  CHECK(s.figure("upstream-sent") >= kQueries);  // a slow machine may have to ask again
  CHECK(s.figure("upstream-mismatch") == 0);
  for (const uint16_t port : resolver.client_ports) ++uses[port];
  CHECK(uses.size() >= kQueries / dns64::UdpUpstream::kUses);
  // The kernel may give one number twice.
  for (const auto& [port, count] : uses) CHECK(count <= 2 * dns64::UdpUpstream::kUses);
  CHECK(uses.size() > dns64::UdpUpstream::kPorts);
}

TEST_CASE("service: an answer with another ID, or one that comes twice, is counted and ignored") {
  Setup s;
  FakeResolver resolver(s.loop.get(), kLoopback4, [](const TextMessage& query, bool) {
    TextMessage answer = answer_to(query);
    answer.id = static_cast<uint16_t>(answer.id + (query.name[0] == 'o' || query.name[0] == 'O'));
    answer.sections[0] = {query.name + " 60 IN A 192.0.2.1"};
    return test::to_wire(answer);
  });
  resolver.copies = 2;
  s.upstream(resolver);
  s.start();
  CHECK(s.ask(query_for("other.example.", "A")).rcode == "SERVFAIL");
  CHECK(s.figure("upstream-mismatch") >= 2);
  CHECK(s.figure("upstream-answers") == 0);
  CHECK(s.ask(query_for("twice.example.", "A")).sections[0].size() == 1);
  REQUIRE(s.loop.until([&] { return s.figure("upstream-late") >= 1; }));
  CHECK(s.figure("upstream-answers") == 1);
}

TEST_CASE("service: RFC 5452 9.1: the right answer from another port is never seen") {
  Setup s;
  const auto any = dns64::socket_address(kLoopback4, 0);
  const dns64::Fd forger = dns64::make_socket(any.family(), SOCK_DGRAM);
  REQUIRE(bind(forger.get(), any.get(), any.size) == 0);
  std::unique_ptr<FakeResolver> resolver;
  unsigned forged = 0;
  resolver = std::make_unique<FakeResolver>(
      s.loop.get(), kLoopback4, [&](const TextMessage& query, bool tcp) {
        TextMessage lie = answer_to(query);
        lie.sections[0] = {query.name + " 60 IN A 192.0.2.66"};
        const Wire wire = test::to_wire(lie);
        const auto to = dns64::socket_address(kLoopback4, resolver->client_ports.back());
        const auto sent = sendto(forger.get(), wire.data(), wire.size(), 0, to.get(), to.size);
        forged += sent == static_cast<ssize_t>(wire.size());
        return v4_only(query, tcp);
      });
  s.upstream(*resolver);
  s.start();
  const TextMessage reply = s.ask(query_for("v4.example.", "A"));
  REQUIRE(reply.sections[0].size() == 1);
  CHECK(reply.sections[0][0] == test::canonical_record("v4.example. 60 IN A 192.0.2.1"));
  CHECK(forged == 1);
  // The kernel keeps it from the connected socket, and counts it (Udp: NoPorts).
  CHECK(s.figure("upstream-answers") == 1);
  CHECK(s.figure("upstream-late") == 0);
}

TEST_CASE("service: RFC 6891 6.2.3: what is larger than asked for is fetched over TCP") {
  Setup s;
  FakeResolver resolver(s.loop.get(), kLoopback4, [](const TextMessage& query, bool tcp) {
    TextMessage answer = answer_to(query);
    const unsigned records = query.name[0] == 's' || query.name[0] == 'S' ? 70 : 90;
    for (unsigned i = 0; i < records; ++i) {
      answer.sections[0].push_back(query.name + " 60 IN A 192.0." + (tcp ? "2." : "3.") +
                                   std::to_string(i));
    }
    return test::to_wire(answer);
  });
  s.upstream(resolver);
  s.start();
  REQUIRE(s.service->listen_tcp());
  TcpClient client(s.loop, kLoopback4, s.service->tcp_port());
  client.send(query_for("small.example.", "A", 1));
  REQUIRE(client.wait_for(1));
  CHECK(client.replies[0].sections[0].size() == 70);
  CHECK(s.figure("upstream-oversized") == 0);
  client.send(query_for("large.example.", "A", 2));
  REQUIRE(client.wait_for(2));
  REQUIRE(client.replies[1].sections[0].size() == 90);
  CHECK(client.replies[1].sections[0][0].ends_with("192.0.2.0"));
  CHECK(s.figure("upstream-oversized") == 1);
  CHECK(s.figure("upstream-sent-tcp") == 1);
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

TEST_CASE("upstream: RFC 7766 6.2.1: queries with one ID share a connection, apart on the wire") {
  Loop loop;
  std::vector<uint16_t> on_wire;
  FakeResolver resolver(loop.get(), kLoopback4, [&](const TextMessage& query, bool tcp) {
    REQUIRE(tcp);
    on_wire.push_back(query.id);
    return v4_only(query, tcp);
  });
  dns64::Figures figures;
  std::map<dns64::SendId, TextMessage> answers;
  dns64::TcpUpstream upstream(
      loop.get(), figures,
      [&](dns64::SendId id, Bytes message) {
        answers[id] = test::from_wire({message.begin(), message.end()});
      },
      [](dns64::SendId) { FAIL("the connection broke"); });
  const auto remote = std::make_shared<dns64::Remote>();
  remote->to = dns64::socket_address(kLoopback4, resolver.port());
  REQUIRE(upstream.send(1, remote, query_for("one.example.", "A", 65535)));
  REQUIRE(upstream.send(2, remote, query_for("two.example.", "A", 65535)));
  REQUIRE(upstream.send(3, remote, query_for("three.example.", "A", 0)));
  REQUIRE(upstream.send(4, remote, query_for("four.example.", "A", 65535)));
  REQUIRE(loop.until([&] { return answers.size() == 4; }));
  CHECK(on_wire == std::vector<uint16_t>{65535, 0, 1, 2});
  CHECK(resolver.connections() == 1);
  const auto is = [&](dns64::SendId send, uint16_t id, const std::string& name) {
    return answers[send].id == id && answers[send].name == name;
  };
  CHECK(is(1, 65535, "one.example."));
  CHECK(is(2, 65535, "two.example."));
  CHECK(is(3, 0, "three.example."));
  CHECK(is(4, 65535, "four.example."));
}

TEST_CASE("service: a silent upstream is left for the next one") {
  Setup s;
  FakeResolver silent(s.loop.get(), kLoopback4, [](const TextMessage&, bool) { return Wire(); });
  FakeResolver resolver(s.loop.get(), kLoopback4, v4_only);
  s.in_order();
  s.upstream(silent);
  s.upstream(resolver);
  s.start();
  CHECK(s.ask(query_for("v4.example.", "A")).sections[0].size() == 1);
  CHECK(s.figure("upstream-failover") == 1);
}

TEST_CASE("service: a closed port is noticed at once") {
  Setup s;
  s.config.upstream_timeout_ms = 600'000;  // so that only the ICMP error can help
  s.in_order();
  uint16_t closed = 0;
  {
    FakeResolver gone(s.loop.get(), kLoopback4, v4_only);
    closed = gone.port();
  }
  s.config.upstreams.push_back({kLoopback4, closed, conf::DnsTransport::kUdp, ""});
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
