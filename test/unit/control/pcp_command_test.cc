// SPDX-License-Identifier: BSD-3-Clause
// "show pcp" and "show mappings".
#include <algorithm>

#include "catch.h"
#include "control/commands.h"
#include "control/log.h"
#include "fake_backend.h"

namespace isthmus::control::pcp_command_test {
namespace {

struct Ports final : pcp::Gateway {
  std::variant<pcp::External, pcp::Code> lease(const pcp::Wish& wish) override {
    return pcp::External{*net::parse_ip4("203.0.113.7"), wish.internal.port, false};
  }
  void release(const pcp::Internal&) override {}
  pcp::Known known(const pcp::Internal&) override { return pcp::Known::kNothing; }
  std::vector<net::Prefix6052> prefixes(const net::Ip6&) override {
    return {net::Prefix6052::well_known()};
  }
};

struct Fixture {
  FakeBackend backend;
  FakeWalk walk;
  Commands commands{backend, walk};
  Ports ports;
  pcp::Server server{ports, {120, 86400, 65535, 64}, monotonic_seconds()};

  void map(uint16_t port, uint8_t last) {
    std::vector<uint8_t> request(60);
    request[0] = 2;
    request[1] = 1;
    request[6] = 2;  // 512 s
    request[8] = 0x20;
    request[23] = last;
    request[36] = 6;
    request[40] = static_cast<uint8_t>(port >> 8);
    request[41] = static_cast<uint8_t>(port);
    net::Ip6 client;
    std::copy_n(request.begin() + 8, 16, client.bytes.begin());
    REQUIRE(server.answer(request, client, monotonic_seconds()));
  }
  std::string run(const std::string& line) {
    const auto parsed = parse_request(line);
    REQUIRE(std::holds_alternative<Request>(parsed));
    auto got = commands.run(std::get<Request>(parsed));
    if (got.complaint) return got.complaint->error;
    while (got.step && got.step(got.text).more) {
    }
    return got.text;
  }
};

}  // namespace

TEST_CASE("commands: PCP that is switched off says so") {
  Fixture f;
  CHECK(f.run("show pcp") == "{\"enabled\":false}\n");
  CHECK(f.run("show mappings").empty());
}

TEST_CASE("commands: every mapping once, by host too, and how many there are") {
  Fixture f;
  f.backend.pcp_server = &f.server;
  for (uint16_t port = 1; port <= 3000; ++port) f.map(port, 1);
  f.map(80, 2);
  const auto all = f.run("show mappings");
  CHECK(std::count(all.begin(), all.end(), '\n') == 3001);
  const auto one = f.run("show mappings inside 2000::2");
  CHECK(one.find(R"({"protocol":"tcp","inside":"2000::2","inside_port":80,)"
                 R"("outside":"203.0.113.7","outside_port":80,"expires_in_ms":51)") == 0);
  const auto some = f.run("show mappings limit 7");
  CHECK(std::count(some.begin(), some.end(), '\n') == 7);
  const auto figures = f.run("show pcp");
  CHECK(figures.find(R"("mappings":3001,"requests":3001,"answered":3001,"refused":0)") !=
        std::string::npos);
}

}  // namespace isthmus::control::pcp_command_test
