// SPDX-License-Identifier: BSD-3-Clause
// DNS64 on several cores: real threads and sockets; queries and answers are frames in a vector.
#include "control/dns_cores.h"

#include <sys/stat.h>

#include <fstream>
#include <mutex>
#include <optional>

#include "dns64/settings.h"
#include "packets/builder.h"
#include "service_rig.h"
#include "unit/control/fake_dataplane.h"

namespace isthmus::service_test {
namespace {

class FakeEnd : public dataplane::DnsEnd {
 public:
  Status enter() override {
    ++entered;
    return refuse ? Status(Error{"no such CPU"}) : Status(Ok{});
  }
  void leave() override { ++left; }
  unsigned take_queries(unsigned limit,
                        const std::function<void(const dataplane::Punted&)>& handler) override {
    std::vector<Wire> taken;
    {
      const std::lock_guard lock(mutex_);
      while (!queries_.empty() && taken.size() < limit) {
        taken.push_back(std::move(queries_.back()));
        queries_.pop_back();
      }
    }
    for (const Wire& frame : taken) handler({dataplane::PuntKind::kDns, 0, frame, net::Ip4{}});
    return static_cast<unsigned>(taken.size());
  }
  bool inject(dataplane::InterfaceId, std::span<const uint8_t> frame) override {
    const std::lock_guard lock(mutex_);
    answers_.emplace_back(frame.begin(), frame.end());
    return true;
  }

  void give(const Wire& frame) {
    const std::lock_guard lock(mutex_);
    queries_.push_back(frame);
  }
  std::vector<Wire> answers() {
    const std::lock_guard lock(mutex_);
    return answers_;
  }
  bool refuse = false;
  std::atomic<unsigned> entered{0}, left{0};

 private:
  std::mutex mutex_;
  std::vector<Wire> queries_, answers_;
};

class TwoEnds : public test::FakeDataplane {
 public:
  dataplane::DnsEnd* dns_end(unsigned core) override { return core < 2 ? &ends[core] : nullptr; }
  FakeEnd ends[2];
};

Wire query_frame(const std::string& client, const Wire& message) {
  const test::Bytes packet =
      test::ip6(client, "2001:db8:1::53").udp(4000, 53).payload(Wire(message));
  return test::frame(packet, "02:00:00:00:00:0a", "02:00:00:00:00:0c");
}

/// The DNS message of an answer's frame.
TextMessage message_of(const Wire& frame) {
  constexpr std::size_t kHeaders = 14 + 40 + 8;
  REQUIRE(frame.size() > kHeaders);
  return test::from_wire({frame.begin() + kHeaders, frame.end()});
}

struct Rig {
  Loop loop;
  FakeResolver resolver{loop.get(), kLoopback4, v4_only};
  TwoEnds dataplane;
  conf::Config config;
  std::unique_ptr<control::DnsCores> cores;

  Rig() {
    dataplane.add_interface("a", *net::parse_mac("02:00:00:00:00:0a"));
    config.cores.dns = {4, 5};
    config.dns64.enabled = true;
    config.dns64.listen = {kLoopback4};
    config.dns64.upstreams = {{kLoopback4, resolver.port(), conf::DnsTransport::kUdp, ""}};
    // Not the well-known prefix, which carries no 192.0.2.1 (RFC 6052 3.1).
    const auto prefix = *net::Prefix6052::make(*net::parse_ip6_prefix("2001:db8:64::/96"));
    config.nat64.emplace_back().prefixes = {prefix};
  }
  void start() {
    auto made = control::DnsCores::make(dataplane, config, 0);
    REQUIRE(made);
    cores = std::move(*made);
    REQUIRE(cores->start());
  }
  TextMessage ask(unsigned core, const std::string& name, const std::string& type = "AAAA") {
    FakeEnd& end = dataplane.ends[core];
    const std::size_t before = end.answers().size();
    end.give(query_frame("2001:db8:1::c", query_for(name, type)));
    // Turns the resolver's loop, with a timer that brings the answers to light.
    ev::timer look(loop.get());
    look.set<Rig, &Rig::nothing>(this);
    look.start(0, 0.002);
    REQUIRE(loop.until([&] { return end.answers().size() > before; }));
    return message_of(end.answers().back());
  }
  void nothing(ev::timer&, int) {}
  uint64_t figure(const std::string& name) const {
    for (const auto& f : cores->figures()) {
      if (f.name == name) return f.value;
    }
    FAIL("no figure " << name);
    return 0;
  }
};

}  // namespace

TEST_CASE("cores: each answers, and what they counted is summed up") {
  Rig rig;
  rig.start();
  CHECK(rig.dataplane.ends[0].entered == 1);
  CHECK(rig.dataplane.ends[1].entered == 1);
  for (unsigned core : {0u, 1u, 1u}) {
    const TextMessage answer = rig.ask(core, "www.example.");
    REQUIRE(answer.sections[0].size() == 1);
    CHECK(answer.sections[0][0].find("2001:db8:64::c000:201") != std::string::npos);
  }
  CHECK(rig.figure("queries") == 3);
  CHECK(rig.figure("cache-hits") == 1);
  CHECK(rig.figure("upstreams-down") == 0);

  const auto rows = rig.cores->cores();
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].cpu == 4);
  CHECK(rows[1].cpu == 5);
  CHECK(rows[0].queries == 1);
  CHECK(rows[1].queries == 2);
  CHECK(rows[1].cache_hits == 1);
  CHECK((rows[0].turns && rows[1].turns));

  const auto upstreams = rig.cores->upstreams();
  REQUIRE(upstreams.size() == 1);
  CHECK(upstreams[0].info.sent == 4);  // AAAA and A of each core
  CHECK(upstreams[0].info.answers == 4);
  CHECK_FALSE(upstreams[0].info.down);
}

TEST_CASE("cores: the cache is looked at and cleared everywhere") {
  Rig rig;
  rig.start();
  rig.ask(0, "www.example.");
  rig.ask(1, "www.example.");
  rig.ask(1, "other.example.");
  std::size_t of_www = 0;
  for (const auto& row : rig.cores->cache(100)) of_www += row.name == "www.example.";
  CHECK(of_www >= 2);
  const auto cleared = rig.cores->flush_name("www.example");
  REQUIRE(cleared);
  CHECK(*cleared == of_www);
  CHECK_FALSE(rig.cores->flush_name(".."));
  CHECK(rig.figure("cache-entries") > 0);
  rig.cores->flush_cache();
  CHECK(rig.figure("cache-entries") == 0);
}

TEST_CASE("cores: an update reaches all or none") {
  Rig rig;
  rig.start();
  const dns64::Translator translator = dns64::translator_of(rig.config);
  conf::Dns64 wanted = rig.config.dns64;
  conf::DnsZone zone;
  zone.name = "lan";
  zone.hosts = "/nonexistent/hosts";
  wanted.zones.push_back(zone);
  const Status refused = rig.cores->update(wanted, translator);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text.find("/nonexistent/hosts") != std::string::npos);
  CHECK(rig.ask(0, "www.example.").sections[0].size() == 1);

  wanted.zones.clear();
  wanted.synthesis = conf::DnsSynthesis::kNever;
  REQUIRE(rig.cores->update(wanted, translator));
  for (unsigned core : {0u, 1u}) CHECK(rig.ask(core, "www.example.").sections[0].empty());
}

TEST_CASE("cores: an operator's question is answered by the first") {
  Rig rig;
  rig.start();
  const auto asked = rig.cores->ask("www.example", "AAAA", true);
  REQUIRE(asked);
  ev::timer look(rig.loop.get());
  look.set<Rig, &Rig::nothing>(&rig);
  look.start(0, 0.002);
  REQUIRE(rig.loop.until([&] { return (*asked)->done.load(); }));
  CHECK((*asked)->answer.find("2001:db8:64::c000:201") != std::string::npos);
  CHECK_FALSE((*asked)->steps.empty());
  CHECK_FALSE(rig.cores->ask("..", "AAAA", false));
}

TEST_CASE("cores: TCP clients are spread over them") {
  Rig rig;
  rig.start();
  const uint16_t port = rig.cores->tcp_port();
  constexpr unsigned kClients = 64;
  for (unsigned i = 0; i < kClients; ++i) {
    const auto to = dns64::socket_address(kLoopback4, port);
    dns64::Fd fd = dns64::make_socket(to.family(), SOCK_STREAM);
    connect(fd.get(), to.get(), to.size);
    dns64::StreamWriter writer;
    writer.add(query_for("www.example.", "AAAA"));
    ev::timer look(rig.loop.get());
    look.set<Rig, &Rig::nothing>(&rig);
    look.start(0, 0.002);
    dns64::StreamReader reader;
    std::optional<TextMessage> answer;
    REQUIRE(rig.loop.until([&] {
      if (!writer.empty()) (void)writer.flush(fd.get());
      Bytes message;
      if (reader.fill(fd.get()) && reader.next(message)) {
        answer = test::from_wire({message.begin(), message.end()});
      }
      return answer.has_value();
    }));
    CHECK(answer->sections[0].size() == 1);
  }
  const auto rows = rig.cores->cores();
  CHECK(rows[0].queries + rows[1].queries == kClients);
  CHECK((rows[0].queries > 0 && rows[1].queries > 0));
}

TEST_CASE("cores: a CPU that is not there ends the start") {
  Rig rig;
  rig.dataplane.ends[1].refuse = true;
  auto made = control::DnsCores::make(rig.dataplane, rig.config, 0);
  REQUIRE(made);
  const Status status = (*made)->start();
  REQUIRE_FALSE(status);
  CHECK(status.error().text == "no such CPU");
  made->reset();
  CHECK(rig.dataplane.ends[0].left == 1);

  rig.config.cores.dns.push_back(6);
  CHECK_FALSE(control::DnsCores::make(rig.dataplane, rig.config, 0));
}

}  // namespace isthmus::service_test
