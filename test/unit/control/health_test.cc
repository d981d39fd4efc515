// SPDX-License-Identifier: BSD-3-Clause
// "health": what makes a gateway degraded, and what makes it fail.
#include "catch.h"
#include "control/command_health.h"
#include "fake_backend.h"
#include "quiet_service.h"

#include <nlohmann/json.hpp>

namespace isthmus::health_test {
using namespace control;
using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;

namespace {

class Plane final : public FakeDataplane {
 public:
  std::vector<uint64_t> loops{1, 1};
  std::vector<dataplane::PortInfo> ports = FakeDataplane::port_info();

  dataplane::WorkerInfo worker_info(unsigned worker) const override {
    dataplane::WorkerInfo info;
    info.loops = loops[worker];
    return info;
  }
  std::vector<dataplane::PortInfo> port_info() const override { return ports; }
};

class Service final : public test::QuietService {
 public:
  std::vector<dns64::UpstreamRow> rows{{"192.0.2.53", ".", "", {}},
                                       {"192.0.2.54", ".", "", {}},
                                       {"192.0.2.55", "corp.example", "", {}}};
  std::vector<dns64::UpstreamRow> upstreams() const override { return rows; }
  std::vector<dns64::CoreRow> core_rows{};
  std::vector<dns64::CoreRow> cores() const override { return core_rows; }
};

class Walk final : public FakeWalk {
 public:
  std::vector<nat::PoolInfo> infos{
      {.instance = 0, .pool = 0, .addresses = 1, .capacity = 100, .used_tcp = 1},
      {.instance = 0, .pool = 1, .addresses = 1, .capacity = 100},
      {.instance = 1, .pool = 0, .addresses = 1, .capacity = 100}};
  std::vector<nat::TableInfo> infos_of_tables{{1, 10, 1, 10, 1, 10, 0}, {1, 10, 1, 10, 1, 10, 0}};

  Result<std::size_t> pools(unsigned worker, std::span<nat::PoolInfo> out) override {
    if (fails) return Error{"no answer within a second"};
    if (worker != 0) return std::size_t{0};
    std::copy(infos.begin(), infos.end(), out.begin());
    return infos.size();
  }
  Result<nat::TableInfo> tables(unsigned worker) override {
    ++asked;
    if (fails) return Error{"no answer within a second"};
    return infos_of_tables[worker];
  }
  unsigned asked = 0;
};

struct Gateway : FakeBackend {
  Plane plane;
  Service service;
  bool has_dns = true;
  Walk walk;
  Heartbeat heartbeat;
  Heartbeat::Clock::time_point now{};

  explicit Gateway(const std::string& gold = "false", const std::string& rest = "false")
      : FakeBackend(R"(ports = ( { name = "inside"; device = "net_null0";
          addresses = ["2001:db8:1::1/64"]; } );
nat64 = (
  { name = "gold"; sources = ["2001:db8:100::/40"]; pools = (
    { name = "a"; addresses = ["203.0.113.0/30"]; drain = )" +
                    gold + R"(; },
    { name = "b"; addresses = ["203.0.113.4/30"]; drain = )" +
                    gold + R"(; } ); },
  { name = "rest"; pools = ( { name = "c"; addresses = ["203.0.113.8/30"]; drain = )" +
                    rest + R"(; } ); } );
)") {
    REQUIRE(config()->nat64.size() == 2);
  }
  dataplane::Dataplane& dataplane() override { return plane; }
  dns64::Service* dns64() override { return has_dns ? &service : nullptr; }

  Json ask(std::string_view line = "health") {
    const auto parsed = parse_request(line);
    REQUIRE(std::holds_alternative<Request>(parsed));
    heartbeat.look(plane, now);
    const auto answer = health(*this, walk, heartbeat, now, std::get<Request>(parsed));
    REQUIRE(!answer.complaint);
    return Json::parse(answer.text);
  }
  std::string word(std::string_view line = "health") { return ask(line)["health"]; }
  std::string why(std::string_view line = "health") { return ask(line)["why"]; }
};

}  // namespace

TEST_CASE("health: a gateway that works says so, check by check") {
  Gateway gateway;
  const auto answer = gateway.ask();
  CHECK(answer["health"] == "healthy");
  CHECK(answer["why"] ==
        "workers: 2 turning; ports: 1 up; tables: room in all; pools: 3 of 3 open; dns64: 3 "
        "upstreams up");
  REQUIRE(answer["checks"].size() == 5);
  CHECK(answer["checks"][3] ==
        Json{{"check", "pools"}, {"health", "healthy"}, {"text", "3 of 3 open"}});
}

TEST_CASE("health: a worker that stands still for three seconds has failed, and is not asked") {
  Gateway gateway;
  CHECK(gateway.word() == "healthy");
  gateway.now += 2999ms;
  gateway.plane.loops[0] = 2;
  CHECK(gateway.word() == "healthy");
  const auto asked = gateway.walk.asked;
  gateway.now += 1ms;
  CHECK(gateway.word() == "failed");
  CHECK(gateway.why() == "workers: worker 1 has not turned for 3 s");
  CHECK(gateway.walk.asked == asked);
  gateway.plane.loops[1] = 2;
  CHECK(gateway.word() == "healthy");
}

TEST_CASE("health: a worker that has never turned has failed") {
  Gateway gateway;
  gateway.plane.loops[1] = 0;
  CHECK(gateway.why() == "workers: worker 1 has not turned for 0 s");
}

TEST_CASE("health: a bond without one of its members is degraded") {
  Gateway gateway;
  gateway.plane.ports[0].members = {{"0000:01:00.0", true}, {"0000:02:00.0", false}};
  CHECK(gateway.word() == "degraded");
  CHECK(gateway.why() == "ports: 0000:02:00.0 of inside has no link");
}

TEST_CASE("health: a port without link has failed") {
  Gateway gateway;
  gateway.plane.ports[0].link_up = false;
  CHECK(gateway.word() == "failed");
  CHECK(gateway.why() == "ports: inside has no link");
}

TEST_CASE("health: an instance without a pool to lend from degrades, all drained fails") {
  Gateway some("true");
  CHECK(some.word() == "degraded");
  CHECK(some.why() == "pools: gold/a drained, gold/b drained");
  Gateway all("true", "true");
  CHECK(all.word() == "failed");

  Gateway full;
  full.walk.infos[0].used_udp = 100;
  CHECK(full.word() == "healthy");  // "b" still lends
  full.walk.infos[1].used_tcp = 100;
  CHECK(full.why() == "pools: gold/a exhausted, gold/b exhausted");
  CHECK(full.word() == "degraded");
  // Withdrawn, it would end its sessions, and the next gateway would be full in turn.
  full.walk.infos[2].blocks = full.walk.infos[2].blocks_granted = 4;
  CHECK(full.why() == "pools: gold/a exhausted, gold/b exhausted, rest/c exhausted");
  CHECK(full.word() == "degraded");
}

TEST_CASE("health: full tables degrade") {
  Gateway gateway;
  gateway.walk.infos_of_tables[0].sessions = 10;
  CHECK(gateway.word() == "degraded");
  CHECK(gateway.why() == "tables: sessions of worker 0 full");
  gateway.walk.infos_of_tables[1].bindings = 10;
  CHECK(gateway.word() == "degraded");
  CHECK(gateway.why() == "tables: sessions of worker 0 full, bindings of worker 1 full");
}

TEST_CASE("health: DNS64 without upstreams degrades, and fails for those who ask for it") {
  Gateway gateway;
  auto& rows = gateway.service.rows;
  rows[0].info.down = true;
  CHECK(gateway.word("health --dns") == "degraded");
  CHECK(gateway.why() == "dns64: upstream 192.0.2.53 down");
  rows[1].info.down = true;
  CHECK(gateway.word() == "degraded");
  CHECK(gateway.word("health --dns") == "failed");
  rows[1].info.down = rows[0].info.down = false;
  rows[2].info.down = true;  // those of one zone
  CHECK(gateway.word("health --dns") == "degraded");
  gateway.has_dns = false;
  CHECK(gateway.word() == "healthy");
  CHECK(gateway.why("health --dns") == "dns64: not configured");
}

TEST_CASE("health: a DNS core that hangs degrades, and fails for those who ask for DNS") {
  Gateway gateway;
  gateway.service.core_rows = {{8, true, 100, 90, 2, 30}, {9, true, 0, 0, 0, 0}};
  CHECK(gateway.word("health --dns") == "healthy");
  gateway.service.core_rows[1].turns = false;
  CHECK(gateway.word() == "degraded");
  CHECK(gateway.why("health --dns") == "dns64: DNS core 1 does not answer");
  CHECK(gateway.word("health --dns") == "failed");
}

TEST_CASE("health: workers that turn but do not answer have failed") {
  Gateway gateway;
  gateway.walk.fails = true;
  CHECK(gateway.word() == "failed");
  CHECK(gateway.why().find("worker 0: no answer within a second") != std::string::npos);
}

}  // namespace isthmus::health_test
