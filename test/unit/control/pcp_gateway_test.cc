// SPDX-License-Identifier: BSD-3-Clause
#include "control/pcp_gateway.h"

#include "catch.h"
#include "fake_dataplane.h"

namespace isthmus::control::pcp_gateway_test {
namespace {

const net::Ip6 kCustomer = *net::parse_ip6("2001:db8:5::1");
const net::Ip6 kOther = *net::parse_ip6("2001:db8:6::1");

std::shared_ptr<conf::Config> two_instances() {
  auto config = std::make_shared<conf::Config>();
  config->nat64.resize(2);
  config->nat64[1].sources = {*net::parse_ip6_prefix("2001:db8:5::/48")};
  config->nat64[1].prefixes = {
      net::Prefix6052::make(*net::parse_ip6_prefix("2001:db8:64::/96")).value()};
  conf::Pool pool;
  pool.ranges = {{*net::parse_ip4("203.0.113.16"), *net::parse_ip4("203.0.113.31")}};
  config->nat64[1].pools = {pool};
  return config;
}

struct Fixture {
  test::FakeDataplane dataplane;
  std::shared_ptr<conf::Config> config = two_instances();
  PcpGateway gateway{dataplane, config};

  pcp::Code refused(const pcp::Wish& wish) {
    const auto answer = gateway.lease(wish);
    REQUIRE(std::holds_alternative<pcp::Code>(answer));
    return std::get<pcp::Code>(answer);
  }
};

pcp::Wish wish_of(const net::Ip6& client) {
  return {{client, 17, 4000}, *net::parse_ip4("203.0.113.17"), 5000, true};
}

}  // namespace

TEST_CASE("pcp: the instance is the one that has the client", "[pcp]") {
  Fixture f;
  f.dataplane.lease_answer = nat::Leased{*net::parse_ip4("203.0.113.17"), net::Be16(5000), false};
  const auto given = f.gateway.lease(wish_of(kCustomer));
  REQUIRE(std::holds_alternative<pcp::External>(given));
  CHECK(std::get<pcp::External>(given).port == 5000);
  f.gateway.lease(wish_of(kOther));
  REQUIRE(f.dataplane.leases.size() == 2);
  CHECK(f.dataplane.leases[0].instance == 1);
  CHECK(f.dataplane.leases[0].inside == kCustomer);
  CHECK(f.dataplane.leases[0].inside_port.host() == 4000);
  CHECK(f.dataplane.leases[0].outside_port.host() == 5000);
  CHECK(f.dataplane.leases[0].nothing_else);
  CHECK(f.dataplane.leases[1].instance == 0);
  CHECK(f.gateway.prefixes(kCustomer) == f.config->nat64[1].prefixes);
  // Without an instance for everybody others are no clients.
  f.config->nat64[0].sources = {*net::parse_ip6_prefix("2001:db8:7::/48")};
  CHECK(f.gateway.prefixes(kOther).empty());
  CHECK(f.refused(wish_of(kOther)) == pcp::Code::kNotAuthorized);
}

TEST_CASE("pcp: a worker's refusals as result codes", "[pcp]") {
  Fixture f;
  CHECK(f.refused(wish_of(kCustomer)) == pcp::Code::kNetworkFailure);  // it does not answer
  const std::pair<nat::LeaseRefusal, pcp::Code> kCodes[] = {
      {nat::LeaseRefusal::kOtherCell, pcp::Code::kCannotProvideExternal},
      {nat::LeaseRefusal::kLimit, pcp::Code::kUserExceededQuota},
      {nat::LeaseRefusal::kDenied, pcp::Code::kNotAuthorized},
      {nat::LeaseRefusal::kPoolFull, pcp::Code::kNoResources},
      {nat::LeaseRefusal::kTableFull, pcp::Code::kNoResources},
  };
  for (const auto& [refusal, code] : kCodes) {
    f.dataplane.lease_answer = refusal;
    CHECK(f.refused(wish_of(kCustomer)) == code);
  }
}

TEST_CASE("pcp: what workers know, and the end of a lease", "[pcp]") {
  Fixture f;
  const pcp::Internal internal{kCustomer, 6, 80};
  CHECK(f.gateway.known(internal) == pcp::Known::kNothing);
  f.dataplane.bound_answer = nat::Translator::Bound::kDynamically;
  CHECK(f.gateway.known(internal) == pcp::Known::kOutbound);
  f.dataplane.bound_answer = nat::Translator::Bound::kStatically;
  CHECK(f.gateway.known(internal) == pcp::Known::kFixed);
  f.gateway.release(internal);
  REQUIRE(f.dataplane.ended_leases.size() == 1);
  CHECK(f.dataplane.ended_leases[0].protocol == 6);
  CHECK(f.dataplane.ended_leases[0].instance == 1);
}

TEST_CASE("pcp: an address leaves with its pool, also for another one", "[pcp]") {
  const auto before = two_instances();
  const auto address = *net::parse_ip4("203.0.113.31");
  CHECK_FALSE(leaves_pool(*before, *two_instances(), address));
  auto wanted = *before;
  wanted.nat64[1].pools[0].drain = true;
  CHECK_FALSE(leaves_pool(*before, wanted, address));
  wanted.nat64[1].pools[0].ranges[0].last = *net::parse_ip4("203.0.113.30");
  CHECK(leaves_pool(*before, wanted, address));
  CHECK_FALSE(leaves_pool(*before, wanted, *net::parse_ip4("203.0.113.30")));
  auto renamed = *before;
  renamed.nat64[1].pools[0].name = "other";
  CHECK(leaves_pool(*before, renamed, address));
  auto moved = *before;
  std::swap(moved.nat64[0].pools, moved.nat64[1].pools);
  CHECK(leaves_pool(*before, moved, address));
}

}  // namespace isthmus::control::pcp_gateway_test
