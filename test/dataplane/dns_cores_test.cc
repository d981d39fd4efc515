// SPDX-License-Identifier: BSD-3-Clause
// Queries on their way to DNS cores, and answers back: which core, which worker, what is lost.
#include <map>
#include <set>

#include "catch.h"
#include "dataplane/pipeline.h"

using namespace isthmus;
using namespace isthmus::test;
using telemetry::Counter;
using telemetry::DropReason;

namespace {

constexpr unsigned kCores = 3;

PipelineOptions with_cores(unsigned workers) {
  PipelineOptions options;
  options.workers = workers;
  options.in_vlan = 7;
  options.configure = [](conf::Config& config) {
    config.cores.dns.assign(kCores, 0);
    config.dns64.listen.push_back(*net::parse_ip4("198.51.100.53"));
  };
  return options;
}

Bytes query6(const std::string& client, uint16_t port = 5000) {
  return ip6(client, "2001:db8:1::53").udp(port, 53).payload("query");
}

/// Queries that wait for each core, in order.
std::map<unsigned, std::vector<Bytes>> queries(Pipeline& rig) {
  rig.run();
  std::map<unsigned, std::vector<Bytes>> all;
  for (unsigned core = 0; core < kCores; ++core) {
    rig.engine().dns_end(core)->take_queries(4096, [&](const dataplane::Punted& punted) {
      CHECK(punted.kind == dataplane::PuntKind::kDns);
      all[core].emplace_back(punted.bytes.begin(), punted.bytes.end());
    });
  }
  return all;
}

}  // namespace

TEST_CASE("dns cores: a client's questions go to one core, whichever worker has them") {
  const unsigned workers = GENERATE(1u, 2u);
  Pipeline rig(with_cores(workers));
  constexpr unsigned kClients = 48;
  std::map<unsigned, unsigned> clients_of;
  for (unsigned client = 0; client < kClients; ++client) {
    // Hosts, ports and receive queues of one /64.
    for (unsigned i = 0; i < 8; ++i) {
      rig.from_inside(query6(inside_host(client, i + 1), static_cast<uint16_t>(4000 + 7 * i)),
                      i % rig.queues());
    }
    const auto got = queries(rig);
    REQUIRE(got.size() == 1);
    CHECK(got.begin()->second.size() == 8);
    ++clients_of[got.begin()->first];
  }
  // All have some: with 48 clients at random, one core of three goes without once in 10^8.
  CHECK(clients_of.size() == kCores);
  CHECK(rig.punts().empty());
  CHECK(rig.count(Counter::kPuntedDns) == 8 * kClients);
  CHECK(rig.count(Counter::kPunted) == 8 * kClients);
}

TEST_CASE("dns cores: a query comes as it was received, without its tag; IPv4 too") {
  Pipeline rig(with_cores(1));
  rig.from_inside(query6(inside_host(1)));
  auto got = queries(rig);
  REQUIRE(got.size() == 1);
  CHECK(got.begin()->second.at(0) ==
        frame(query6(inside_host(1)), rig.own_mac(true), Pipeline::host_mac()));

  rig.engine().set_local_address(*net::parse_ip4("198.51.100.53"), Pipeline::kOut, true);
  rig.engine().publish();
  std::set<unsigned> used;
  for (unsigned host = 1; host <= 48; ++host) {
    const Bytes query = ip4("198.51.100." + std::to_string(100 + host), "198.51.100.53")
                            .udp(5000, 53)
                            .payload("query");
    rig.from_internet(query);
    rig.from_internet(query);
    got = queries(rig);
    REQUIRE(got.size() == 1);
    CHECK(got.begin()->second == std::vector<Bytes>(2, rig.internet_frame(query)));
    used.insert(got.begin()->first);
  }
  CHECK(used.size() == kCores);
}

TEST_CASE("dns cores: answers of every core leave, with their tag, in order") {
  const unsigned workers = GENERATE(1u, 2u);
  Pipeline rig(with_cores(workers));
  std::vector<Bytes> sent;
  for (unsigned i = 0; i < 30; ++i) {
    const Bytes answer = ip6("2001:db8:1::53", inside_host(1)).udp(53, 5000).payload(40 + i);
    const Bytes bare = frame(answer, Pipeline::host_mac(), rig.own_mac(true));
    REQUIRE(rig.engine().dns_end(0)->inject(Pipeline::kIn, bare));
    sent.push_back(answer);
  }
  CHECK(rig.to_inside() == sent);
  for (unsigned core = 1; core < kCores; ++core) {
    const Bytes bare = frame(sent[core], Pipeline::host_mac(), rig.own_mac(true));
    REQUIRE(rig.engine().dns_end(core)->inject(Pipeline::kIn, bare));
    CHECK(rig.to_inside() == std::vector<Bytes>{sent[core]});
  }
  CHECK(rig.count(Counter::kInjected) == 30 + kCores - 1);
  // What fits no frame of the link is refused.
  CHECK_FALSE(rig.engine().dns_end(0)->inject(Pipeline::kIn, Bytes(1515)));
  CHECK_FALSE(rig.engine().dns_end(0)->inject(9, Bytes(60)));
}

TEST_CASE("dns cores: one that is dead loses its clients' questions, and nothing else") {
  Pipeline rig(with_cores(1));
  rig.from_inside(query6(inside_host(1)));
  const auto first = queries(rig);
  const unsigned dead = first.begin()->first;
  unsigned other = 2;
  while (rig.from_inside(query6(inside_host(other))), queries(rig).begin()->first == dead) ++other;

  constexpr unsigned kRounds = 1100;
  for (unsigned i = 0; i < kRounds; ++i) {
    rig.from_inside(query6(inside_host(1)));
    rig.from_inside(query6(inside_host(other)));
    rig.from_inside(ip6(inside_host(1), mapped("192.0.2.9")).udp(5000, 7000).payload("x"));
    rig.from_inside(ip6(inside_host(1), "2001:db8:1::1").icmp_echo(1, 1));
    REQUIRE(rig.to_internet().size() == 1);
    for (unsigned core = 0; core < kCores; ++core) {
      if (core == dead) continue;
      rig.engine().dns_end(core)->take_queries(64, [](const dataplane::Punted&) {});
    }
    REQUIRE(rig.punts().size() == 1);  // the ping
  }
  CHECK(rig.count(DropReason::kPuntFull) == kRounds - 1023);
  for (const auto& ring : rig.engine().ring_info()) {
    if (ring.ring == "queries") CHECK(ring.used == 1023);
    if (ring.ring == "queries") CHECK(ring.capacity == kCores * 1023);
  }
}

TEST_CASE("dns cores: without DNS64 there are none") {
  auto options = with_cores(1);
  options.configure = [](conf::Config& config) {
    config.cores.dns.assign(kCores, 0);
    config.dns64.enabled = false;
  };
  Pipeline rig(options);
  CHECK(rig.engine().dns_end(0) == nullptr);
  rig.from_inside(ip6(inside_host(1), "2001:db8:1::1").udp(5000, 53).payload("query"));
  CHECK(rig.punts().size() == 1);  // to the kernel
}
