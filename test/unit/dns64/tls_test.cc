// SPDX-License-Identifier: BSD-3-Clause
// Upstream resolvers that are asked by TLS (RFC 7858), or by TCP only.
#include "tls/session.h"

#include "tls_rig.h"

namespace isthmus::service_test {
namespace {

constexpr const char* kName = "dns.example";

Wire v4_only_by_tls(const TextMessage& query) {
  return v4_only(query, true);
}

struct TlsSetup : Setup {
  Certificate authority{"an authority"};
  TempFile ca_file{authority.pem()};

  TlsSetup() {
    config.tls_ca_file = ca_file.path();
    config.upstream_timeout_ms = 20'000;
  }
  /// How long a question waits that nobody will answer.
  void soon() { config.upstream_timeout_ms = 1000; }
  /// The verdict on a certificate may come after the client was answered.
  bool untrusted() {
    return loop.until([&] { return figure("tls-untrusted") >= 1; });
  }
  TextMessage ask_edns(const std::string& name, const std::string& type) {
    TextMessage query;
    query.id = 7;
    query.name = name;
    query.type = type;
    query.flags = {"rd"};
    query.edns_size = 1232;
    return ask(test::to_wire(query));
  }
};

}  // namespace

TEST_CASE("tls: RFC 7858 3.3, 3.4: all queries go over one connection, many at a time") {
  TlsSetup s;
  const Certificate certificate(s.authority, kName);
  TlsResolver resolver(s.loop.get(), certificate, v4_only_by_tls);
  s.config.upstreams = {resolver.endpoint(kName)};
  s.start();
  constexpr unsigned kQueries = 50;
  unsigned replies = 0;
  for (unsigned i = 0; i < kQueries; ++i) {
    s.service->on_udp_query(
        kLoopback6, 4000, query_for("v4-" + std::to_string(i) + ".example.", "AAAA"),
        [&](Bytes message) {
          const TextMessage reply = test::from_wire({message.begin(), message.end()});
          replies += reply.sections[0].size() == 1;
        });
  }
  REQUIRE(s.loop.until([&] { return replies == kQueries; }));
  CHECK(resolver.connections == 1);
  CHECK(resolver.handshakes == 1);
  CHECK(resolver.queries.size() >= 2 * kQueries);
  CHECK(s.figure("tls-connections") == 1);
  CHECK(s.figure("tls-untrusted") == 0);
  CHECK(s.figure("upstream-sent") == 0);
  // A slow machine asks twice, and has its answer before the resolver has read that.
  CHECK(s.loop.until([&] { return s.figure("upstream-sent-tcp") == resolver.queries.size(); }));
  const auto rows = s.service->upstreams();
  CHECK(rows[0].address == "tls://127.0.0.1:" + std::to_string(resolver.port()) + "#dns.example");
  CHECK(rows[0].trouble.empty());
  CHECK_FALSE(rows[0].info.down);
}

TEST_CASE("tls: RFC 8467 4.1: queries are padded to 128 octets") {
  TlsSetup s;
  const Certificate certificate(s.authority, kName);
  TlsResolver resolver(s.loop.get(), certificate, v4_only_by_tls);
  s.config.upstreams = {resolver.endpoint(kName)};
  s.start();
  // One octet longer at a time, past a block's end.
  for (std::size_t size = 40; size < 63; ++size) {
    const std::string label(size, 'a');
    s.ask(query_for(label + '.' + label + ".example.", "A"));
    CAPTURE(size);
    CHECK(resolver.queries.back().size() == (resolver.queries.back().size() < 129 ? 128 : 256));
  }
  CHECK(resolver.queries.front().size() == 128);
  CHECK(resolver.queries.back().size() == 256);
}

TEST_CASE("tls: RFC 8310 5: a resolver with another name is not asked") {
  TlsSetup s;
  const Certificate certificate(s.authority, "another.example");
  TlsResolver resolver(s.loop.get(), certificate, v4_only_by_tls);
  s.config.upstreams = {resolver.endpoint(kName)};
  s.soon();
  s.start();
  const TextMessage reply = s.ask_edns("v4.example.", "AAAA");
  CHECK(reply.rcode == "SERVFAIL");
  CHECK((reply.extended_error == 22 || reply.extended_error == 23));
  CHECK(s.untrusted());
  CHECK(resolver.queries.empty());
  CHECK(s.figure("tls-connections") == 0);
  const auto rows = s.service->upstreams();
  CAPTURE(rows[0].trouble);
  CHECK(rows[0].trouble.find("name in the certificate does not match") != std::string::npos);
}

TEST_CASE("tls: RFC 8310 8.1: who has no certificate of our authority is not asked") {
  TlsSetup s;
  const Certificate stranger("an authority");
  const Certificate certificate(stranger, kName);
  TlsResolver resolver(s.loop.get(), certificate, v4_only_by_tls);
  s.config.upstreams = {resolver.endpoint(kName)};
  s.soon();
  s.start();
  CHECK(s.ask_edns("v4.example.", "A").rcode == "SERVFAIL");
  CHECK(s.untrusted());
  CHECK(resolver.queries.empty());
}

TEST_CASE("tls: without a name the certificate must hold the address") {
  TlsSetup s;
  const Certificate right(s.authority, std::string("\x7f\0\0\1", 4), true);
  const Certificate wrong(s.authority, std::string("\x7f\0\0\2", 4), true);
  const Certificate* const certificate = GENERATE(0, 1) == 0 ? &right : &wrong;
  TlsResolver resolver(s.loop.get(), *certificate, v4_only_by_tls);
  s.config.upstreams = {resolver.endpoint("")};
  if (certificate == &wrong) s.soon();
  s.start();
  const TextMessage reply = s.ask_edns("v4.example.", "A");
  CHECK(reply.rcode == (certificate == &right ? "NOERROR" : "SERVFAIL"));
  CHECK(resolver.queries.empty() == (certificate == &wrong));
}

TEST_CASE("tls: who is not trusted, or does not speak TLS, is left for the next one") {
  TlsSetup s;
  const Certificate wrong(s.authority, "another.example");
  const Certificate right(s.authority, kName);
  TlsResolver liar(s.loop.get(), wrong, v4_only_by_tls);
  FakeResolver plain(s.loop.get(), kLoopback4, v4_only);
  TlsResolver resolver(s.loop.get(), right, v4_only_by_tls);
  s.config.upstreams = {liar.endpoint(kName),
                        {kLoopback4, plain.port(), conf::DnsTransport::kTls, kName},
                        resolver.endpoint(kName)};
  s.config.upstream_choice = conf::DnsUpstreamChoice::kOrder;
  s.config.parallel = false;
  s.start();
  CHECK(s.ask(query_for("v4.example.", "A")).sections[0].size() == 1);
  CHECK(liar.queries.empty());
  CHECK_FALSE(resolver.queries.empty());
  CHECK(s.figure("tls-untrusted") >= 1);
  CHECK(s.figure("upstream-failover") >= 2);
}

TEST_CASE("tls: a resolver that closes its connections is connected to again") {
  TlsSetup s;
  const Certificate certificate(s.authority, kName);
  TlsResolver resolver(s.loop.get(), certificate, v4_only_by_tls);
  resolver.close_after(1);
  s.config.upstreams = {resolver.endpoint(kName)};
  s.start();
  for (const char* name : {"a.example.", "b.example.", "c.example."}) {
    CHECK(s.ask(query_for(name, "A")).sections[0].size() == 1);
  }
  CHECK(s.figure("tls-connections") >= 3);
}

TEST_CASE("tls: an answer of many TLS records") {
  TlsSetup s;
  const Certificate certificate(s.authority, kName);
  TlsResolver resolver(s.loop.get(), certificate, [](const TextMessage& query) {
    TextMessage answer = answer_to(query);
    for (unsigned i = 0; i < 250; ++i) {
      answer.sections[0].push_back(query.name + " 60 IN TXT \"" + std::to_string(i) +
                                   std::string(200, 'x') + '"');
    }
    return test::to_wire(answer);
  });
  s.config.upstreams = {resolver.endpoint(kName)};
  s.start();
  const TextMessage reply = s.ask(query_for("big.example.", "TXT"));
  CHECK(reply.rcode == "NOERROR");
  CHECK(s.figure("truncated") == 1);
  CHECK(s.figure("upstream-answers") == 1);
  const auto cached = s.service->cache(1);
  REQUIRE(cached.size() == 1);
  CHECK(cached[0].octets > 50'000);
}

TEST_CASE("tls: reload: other authorities count at once, a bad file changes nothing") {
  TlsSetup s;
  const Certificate certificate(s.authority, kName);
  TlsResolver resolver(s.loop.get(), certificate, v4_only_by_tls);
  s.config.upstreams = {resolver.endpoint(kName)};
  s.start();
  CHECK(s.ask(query_for("a.example.", "A")).rcode == "NOERROR");
  s.ca_file.write("no certificate\n");
  const Status refused = s.service->update(s.config, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text.find(s.ca_file.path()) != std::string::npos);
  CHECK(s.ask(query_for("b.example.", "A")).rcode == "NOERROR");
  s.ca_file.write(s.authority.pem());
  REQUIRE(s.service->update(s.config, {}));
  CHECK(s.ask(query_for("c.example.", "A")).rcode == "NOERROR");
  CHECK(s.figure("tls-connections") == 1);
  const Certificate stranger("an authority");
  s.ca_file.write(stranger.pem());
  s.soon();
  REQUIRE(s.service->update(s.config, {}));
  CHECK(s.ask(query_for("d.example.", "A")).rcode == "SERVFAIL");
  CHECK(s.untrusted());
}

TEST_CASE("tcp: a resolver that is to be asked by TCP gets no datagram") {
  Setup s;
  FakeResolver resolver(s.loop.get(), kLoopback4, v4_only);
  s.config.upstreams = {{kLoopback4, resolver.port(), conf::DnsTransport::kTcp, ""}};
  s.start();
  CHECK(s.ask(query_for("v4.example.", "AAAA")).sections[0].size() == 1);
  CHECK(resolver.client_ports.empty());
  CHECK(resolver.connections() == 1);
  CHECK(s.figure("upstream-sent") == 0);
}

}  // namespace isthmus::service_test
