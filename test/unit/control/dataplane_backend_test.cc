// SPDX-License-Identifier: BSD-3-Clause
#include "control/dataplane_backend.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "catch.h"
#include "conf/load.h"
#include "control/mapping_record.h"
#include "fake_dataplane.h"
#include "quiet_service.h"

namespace isthmus::control::dataplane_backend_test {
namespace {

class FakeService : public test::QuietService {
 public:
  std::vector<uint32_t> timeouts;  ///< of each update
  bool update_works = true;
  unsigned flushes = 0;

  std::vector<bool> non_global;  ///< likewise
  Status update(const conf::Dns64& config, const dns64::Translator& translator) override {
    if (!update_works) return Error{"dns64: no"};
    non_global.push_back(translator.may_carry.allow_non_global);
    timeouts.push_back(config.upstream_timeout_ms);
    return Ok{};
  }
  void flush_cache() override { ++flushes; }
  std::vector<dns64::Figure> figures() const override { return {{"queries", 7, "received"}}; }
};

std::string text(const std::string& udp_timer, const std::string& gateway, int sessions = 65536,
                 int dns_timeout = 1000) {
  return R"(
limits: { sessions = )" +
         std::to_string(sessions) + R"(; };
ports = (
  { name = "in0"; device = "net_null0"; addresses = ["2001:db8:1::1/64"]; },
  { name = "out0"; device = "net_null1"; addresses = ["192.0.2.1/24"]; }
);
routes = ( { prefix = "0.0.0.0/0"; via = ")" +
         gateway + R"("; } );
nat64 = (
  { name = "internet"; prefixes = ["64:ff9b:1:fffe::/96"];
    pools = ( { name = "main"; addresses = ["203.0.113.0/28"]; } );
    timers: { udp = )" +
         udp_timer + R"(; };
  }
);
dns64: { listen = ["2001:db8:1::1"]; upstreams = ["192.0.2.53"]; nat64 = "internet";
         upstream_timeout_ms = )" +
         std::to_string(dns_timeout) + R"(; };
)";
}

struct Fixture {
  std::string path;
  test::FakeDataplane dataplane;
  NeighborQueue neighbors{
      {[](dataplane::InterfaceId, const IpAddress&) {},
       [](dataplane::InterfaceId, const net::Mac&, std::span<const uint8_t>) { return true; },
       [](dataplane::InterfaceId, std::span<const uint8_t>) {}},
      4};
  FakeService service;
  std::vector<std::string> gateways;  ///< of each update of routes
  bool routes_work = true;
  std::vector<std::vector<net::Ip4Prefix>> answers;  ///< of each update: those of out0
  std::optional<LocalPorts> local_ports;
  std::unique_ptr<DataplaneBackend> backend;

  Fixture() {
    char name[] = "/tmp/isthmus-backend-XXXXXX";
    const int fd = mkstemp(name);
    REQUIRE(fd >= 0);
    close(fd);
    path = name;
    write(text("300", "192.0.2.254"));
    const auto config = conf::load_file(path);
    if (!config) FAIL(config.error().text);
    DataplaneBackend::Parts parts{dataplane,
                                  neighbors,
                                  &service,
                                  [] {
                                    return std::vector<TwinInfo>{{"in0", 5, 1, 2, 3}};
                                  },
                                  [this](const std::vector<RoutePlan>& routes) -> Status {
                                    if (!routes_work) return Error{"routes: no"};
                                    gateways.push_back(text_of(routes.at(0).via));
                                    return Ok{};
                                  },
                                  [this](const std::vector<TwinPlan>& twins) -> Status {
                                    answers.push_back(twins.at(1).answered_for);
                                    return Ok{};
                                  },
                                  [this] { return local_ports; }};
    backend = std::make_unique<DataplaneBackend>(parts, *config,
                                                 DataplaneBackend::Facts{{"version", "1.2.3"}});
  }
  ~Fixture() { unlink(path.c_str()); }

  void write(const std::string& content) const { std::ofstream(path) << content; }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "the backend tells what it is made of", "[backend]") {
  CHECK(&backend->dataplane() == &dataplane);
  CHECK(backend->twins().at(0).kernel_index == 5);
  CHECK(backend->dns64_figures().at(0).value == 7);
  CHECK(backend->version().at(0).second == "1.2.3");
  backend->dns64_flush_cache();
  CHECK(service.flushes == 1);
}

TEST_CASE_METHOD(Fixture, "reload applies what changes live", "[backend]") {
  write(text("200", "192.0.2.253", 65536, 500));
  const Status status = backend->reload();
  if (!status) FAIL(status.error().text);
  CHECK(backend->config()->nat64.at(0).timers.udp == 200);
  CHECK(dataplane.updates.size() == 1);
  CHECK(service.timeouts == std::vector<uint32_t>{500});
  CHECK(gateways == std::vector<std::string>{"192.0.2.253"});
}

TEST_CASE_METHOD(Fixture, "DNS64 hears of a policy that belongs to its NAT64 instance",
                 "[backend]") {
  auto wanted = text("300", "192.0.2.254");
  const std::string_view timers = "    timers:";
  wanted.insert(wanted.find(timers), "    policy: { allow_non_global = true; };\n");
  write(wanted);
  REQUIRE(backend->reload());
  CHECK(service.non_global == std::vector<bool>{true});
}

TEST_CASE_METHOD(Fixture, "reload refuses what needs a restart and names it", "[backend]") {
  write(text("200", "192.0.2.254", 4096));
  const Status status = backend->reload();
  REQUIRE_FALSE(status);
  CHECK(status.error().text.find("limits.sessions") != std::string::npos);
  CHECK(status.error().text.find("restart") != std::string::npos);
  CHECK(dataplane.updates.empty());
  CHECK(backend->config()->nat64.at(0).timers.udp == 300);
}

TEST_CASE_METHOD(Fixture, "a bad or missing file changes nothing", "[backend]") {
  write("nat64 = (");
  CHECK_FALSE(backend->reload());
  unlink(path.c_str());
  CHECK_FALSE(backend->reload());
  CHECK(dataplane.updates.empty());
  CHECK(backend->config()->nat64.at(0).timers.udp == 300);
}

TEST_CASE_METHOD(Fixture, "a pool that comes is answered for, one that is refused is not",
                 "[backend]") {
  auto wanted = text("300", "192.0.2.254");
  const std::string_view main = "{ name = \"main\"";
  wanted.insert(wanted.find(main), "{ name = \"near\"; addresses = [\"192.0.2.32/29\"]; }, ");
  write(wanted);
  using Prefixes = std::vector<net::Ip4Prefix>;
  const Prefixes near{*net::parse_ip4_prefix("192.0.2.32/29")};
  SECTION("taken") {
    REQUIRE(backend->reload());
    CHECK(answers == std::vector<Prefixes>{near});
    CHECK(backend->config()->nat64[0].pools.size() == 2);
  }
  SECTION("refused") {
    dataplane.update_error = "too small";
    CHECK_FALSE(backend->reload());
    CHECK(answers == std::vector<Prefixes>{near, {}});
  }
}

TEST_CASE_METHOD(Fixture, "reload refuses a pool amid the kernel's own ports", "[backend]") {
  auto wanted = text("300", "192.0.2.254");
  const std::string_view main = "{ name = \"main\"";
  wanted.insert(wanted.find(main),
                "{ name = \"own\"; addresses = [\"192.0.2.1\"]; ports = \"20000-39999\"; }, ");
  write(wanted);
  local_ports = LocalPorts{32768, 60999};
  const auto status = backend->reload();
  REQUIRE_FALSE(status);
  CHECK(status.error().text.find("32768-60999") != std::string::npos);
  CHECK(dataplane.updates.empty());
  local_ports = LocalPorts{40000, 60999};
  CHECK(backend->reload());
}

TEST_CASE_METHOD(Fixture, "a change goes the way of a reload, and the file stays", "[backend]") {
  const auto first = backend->config()->text;
  REQUIRE(backend->change(text("200", "192.0.2.253", 65536, 500)));
  CHECK(backend->config()->nat64[0].timers.udp == 200);
  CHECK(backend->config()->file == path);
  CHECK(gateways == std::vector<std::string>{"192.0.2.253"});
  CHECK(service.timeouts == std::vector<uint32_t>{500});
  CHECK(dataplane.updates.size() == 1);
  CHECK(backend->file_text() == first);
  REQUIRE(backend->reload());
  CHECK(backend->config()->nat64[0].timers.udp == 300);
  CHECK(gateways.back() == "192.0.2.254");
}

TEST_CASE_METHOD(Fixture, "a change that is refused leaves no trace", "[backend]") {
  const auto before = backend->config();
  const auto restart = backend->change(text("300", "192.0.2.254", 1000));
  REQUIRE_FALSE(restart);
  CHECK(restart.error().text ==
        "limits.sessions cannot change while isthmusd runs: write that to " + path +
            " and restart it");
  const auto wrong = backend->change(text("300", "198.51.100.1"));
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().text.starts_with("routes[0].via: found "));
  dataplane.update_error = "no room";
  CHECK_FALSE(backend->change(text("200", "192.0.2.253", 65536, 500)));
  CHECK(service.timeouts == std::vector<uint32_t>{500, 1000});
  CHECK(backend->config() == before);
}

TEST_CASE_METHOD(Fixture, "a pool is drained until told otherwise, or reloaded", "[backend]") {
  CHECK_FALSE(backend->drain_pool("other", true));
  REQUIRE(backend->drain_pool("main", true));
  CHECK(backend->config()->nat64[0].pools[0].drain);
  REQUIRE(backend->drain_pool("internet/main", false));
  CHECK_FALSE(backend->config()->nat64[0].pools[0].drain);
  REQUIRE(backend->drain_pool("main", true));
  REQUIRE(backend->reload());
  CHECK_FALSE(backend->config()->nat64[0].pools[0].drain);
  CHECK(dataplane.updates.size() == 4);
}

TEST_CASE_METHOD(Fixture, "a part that refuses takes the others back", "[backend]") {
  write(text("200", "192.0.2.253", 65536, 500));
  SECTION("the dataplane") {
    dataplane.update_error = "no room";
    CHECK_FALSE(backend->reload());
    CHECK(service.timeouts == std::vector<uint32_t>{500, 1000});
    CHECK(gateways == std::vector<std::string>{"192.0.2.253", "192.0.2.254"});
  }
  SECTION("the DNS64 service") {
    service.update_works = false;
    CHECK_FALSE(backend->reload());
    CHECK(dataplane.updates.empty());
    CHECK(gateways.empty());
  }
  SECTION("the kernel's routes") {
    routes_work = false;
    CHECK_FALSE(backend->reload());
    // What leaves the pools takes its sessions along: not before all else has been taken.
    CHECK(dataplane.updates.empty());
    CHECK(service.timeouts == std::vector<uint32_t>{500, 1000});
  }
  CHECK(backend->config()->nat64.at(0).timers.udp == 300);
}

TEST_CASE_METHOD(Fixture, "RFC 7422 3: a record of what the mapping follows from", "[backend]") {
  CHECK(mapping_records(*backend->config()).empty());
  auto wanted = text("300", "192.0.2.254");
  const std::string_view main = "{ name = \"main\"";
  wanted.insert(wanted.find(main),
                R"({ name = "homes"; addresses = ["203.0.113.64/26", "203.0.113.130"];
                     ports = "1024-65000"; allocation = "deterministic";
                     inside = "2001:db8::/56"; overflow = true; }, )");
  write(wanted);
  const auto config = conf::load_file(path);
  if (!config) FAIL(config.error().text);
  // 256 subscribers on 65 addresses: four each, of 63977 ports.
  CHECK(
      mapping_records(**config) ==
      std::vector<std::string>{
          "deterministic: nat64 \"internet\", pool \"homes\": inside 2001:db8::/56 in /64, outside "
          "203.0.113.64-203.0.113.127 203.0.113.130, dynamic 0 (beyond them of other pools), ports "
          "each 15994, algorithm 0, reserved 0-1023,65001-65535"});
}

}  // namespace isthmus::control::dataplane_backend_test
