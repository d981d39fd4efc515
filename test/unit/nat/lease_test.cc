// SPDX-License-Identifier: BSD-3-Clause
// Bindings that inside hosts ask for (RFC 6887 11.3), in the translator's tables.
#include <set>

#include "catch.h"
#include "packets/harness.h"
#include "packets/rows.h"

namespace isthmus::nat::lease_test {
namespace {

using test::Bytes, test::Harness, test::ip4, test::ip6, test::kA, test::kB, test::kPZ, test::kZ;

LeaseWish wish(const char* inside, uint16_t inside_port, uint8_t protocol = 17) {
  LeaseWish wish;
  wish.protocol = protocol;
  wish.inside = *net::parse_ip6(inside);
  wish.inside_port = net::Be16(inside_port);
  return wish;
}

LeaseWish suggesting(LeaseWish wish, net::Ip4 outside, uint16_t port, bool nothing_else = false) {
  wish.outside = outside;
  wish.outside_port = net::Be16(port);
  wish.nothing_else = nothing_else;
  return wish;
}

struct Fixture {
  explicit Fixture(const Settings& settings = test::stateful())
      : harness(settings, test::path(), 1, 9) {}
  Translator& translator() { return harness.translator(0); }
  Leased lease(const LeaseWish& wish) {
    const auto answer = translator().lease(wish);
    REQUIRE(std::holds_alternative<Leased>(answer));
    return std::get<Leased>(answer);
  }
  LeaseRefusal refusal(const LeaseWish& wish) {
    const auto answer = translator().lease(wish);
    REQUIRE(std::holds_alternative<LeaseRefusal>(answer));
    return std::get<LeaseRefusal>(answer);
  }
  std::vector<Bytes> from_outside(const Leased& leased, const char* remote = kZ) {
    return harness.exchange(
        {ip4(remote, net::to_string(leased.outside)).udp(53, leased.outside_port.host())});
  }
  uint64_t used() {
    PoolInfo info;
    translator().pool_info({&info, 1});
    return info.used_tcp + info.used_udp + info.used_icmp;
  }
  uint64_t bindings() { return translator().table_info().bindings; }
  Harness harness;
};

}  // namespace

TEST_CASE("RFC 6887 11: packets from anybody reach who has a mapping, until it ends") {
  Fixture f;
  const auto leased = f.lease(wish(kA, 4000));
  CHECK_FALSE(leased.is_static);
  CHECK(f.bindings() == 1);
  const auto out = f.from_outside(leased);
  REQUIRE(out.size() == 1);
  CHECK(out[0] == ip6(kPZ, kA).hop_limit(63).udp(53, 4000).bytes());
  // The session ends, the mapping does not (15: the lifetime is the server's to keep).
  f.harness.advance(400'000);
  CHECK(f.translator().table_info().sessions == 0);
  CHECK(f.bindings() == 1);
  CHECK(f.from_outside(leased).size() == 1);
  f.harness.advance(400'000);
  f.translator().end_lease(wish(kA, 4000));
  CHECK(f.bindings() == 0);
  CHECK(f.used() == 0);
  CHECK(f.from_outside(leased).empty());
}

TEST_CASE("RFC 6887 15: a mapping that ends leaves the sessions that it has") {
  Fixture f;
  const auto leased = f.lease(wish(kA, 4000));
  CHECK(f.from_outside(leased).size() == 1);
  f.translator().end_lease(wish(kA, 4000));
  CHECK(f.bindings() == 1);
  CHECK(f.from_outside(leased).size() == 1);
  f.harness.advance(400'000);
  CHECK(f.bindings() == 0);
  CHECK(f.used() == 0);
}

TEST_CASE("RFC 6887 11: a mapping is endpoint-independent where the instance filters") {
  auto settings = test::stateful();
  settings.instances[0].filtering = Filtering::kAddressDependent;
  Fixture f(settings);
  const auto leased = f.lease(wish(kA, 4000));
  CHECK(f.from_outside(leased, "198.51.100.77").size() == 1);
  // TCP likewise: the SYN goes through instead of waiting for the inside (RFC 6146 3.5.2.2).
  const auto tcp = f.lease(wish(kA, 80, 6));
  CHECK(
      f.harness
          .exchange(
              {ip4(kZ, net::to_string(tcp.outside)).tcp(5000, tcp.outside_port.host()).flags("S")})
          .size() == 1);
}

TEST_CASE("RFC 6887 11.3: traffic and mappings of one port share the binding") {
  Fixture f;
  // First traffic, then a mapping: what traffic made is replicated.
  const auto out = f.harness.exchange({ip6(kA, kPZ).udp(4000, 53)});
  REQUIRE(out.size() == 1);
  const auto port = static_cast<uint16_t>(out[0][20] << 8 | out[0][21]);
  CHECK(f.translator().bound(wish(kA, 4000)) == Translator::Bound::kDynamically);
  CHECK(f.lease(wish(kA, 4000)).outside_port.host() == port);
  // First a mapping, then traffic.
  const auto leased = f.lease(wish(kA, 4001));
  const auto later = f.harness.exchange({ip6(kA, kPZ).udp(4001, 53)});
  REQUIRE(later.size() == 1);
  CHECK(static_cast<uint16_t>(later[0][20] << 8 | later[0][21]) == leased.outside_port.host());
  CHECK(f.bindings() == 2);
  CHECK(f.translator().bound(wish(kA, 4002)) == Translator::Bound::kNo);
}

TEST_CASE("RFC 6887 11.3: a suggested port is given if it is free") {
  Fixture f;
  const auto first = f.lease(wish(kA, 4000));
  const auto port = static_cast<uint16_t>(first.outside_port.host() ^ 2);
  const auto second = f.lease(suggesting(wish(kA, 4001), first.outside, port));
  CHECK(second.outside_port.host() == port);
  // Taken: another one; or none, where nothing else is wanted (13.2).
  CHECK(f.lease(suggesting(wish(kA, 4002), first.outside, port)).outside_port.host() != port);
  CHECK(f.refusal(suggesting(wish(kA, 4003), first.outside, port, true)) ==
        LeaseRefusal::kOtherCell);
  CHECK(f.refusal(suggesting(wish(kA, 4001), first.outside, 1234, true)) ==
        LeaseRefusal::kOtherCell);
  CHECK(f.refusal(suggesting(wish(kA, 4004), *net::parse_ip4("192.0.2.1"), 1234, true)) ==
        LeaseRefusal::kOtherCell);
  CHECK(f.bindings() == 3);
}

TEST_CASE("RFC 6887 11.3: the ports of PCP itself are never given") {
  Fixture f;
  const auto first = f.lease(wish(kA, 4000));
  for (const uint16_t port : {uint16_t{5350}, uint16_t{5351}}) {
    const auto other = f.lease(suggesting(wish(kA, port), first.outside, port));
    CHECK(other.outside_port.host() != port);
    CHECK(f.refusal(suggesting(wish(kB, port), first.outside, port, true)) ==
          LeaseRefusal::kOtherCell);
    CHECK(f.lease(suggesting(wish(kA, port, 6), first.outside, port)).outside_port.host() == port);
  }
}

TEST_CASE("RFC 6887 7.4: who may not be reached from outside gets no mapping") {
  auto settings = test::stateful();
  Fixture f(settings);
  const auto before = f.lease(wish(kA, 4000));
  Access access;
  access.ends[1].inside = {{}, {*net::parse_ip6_prefix("2001:db8:a::/48")}};
  settings.instances[0].access = std::make_shared<const Access>(access);
  f.translator().update(settings);
  CHECK(f.refusal(wish(kA, 4001)) == LeaseRefusal::kDenied);
  // Nor does it keep the one that it has for longer; nor one that its traffic made.
  CHECK(f.refusal(wish(kA, 4000)) == LeaseRefusal::kDenied);
  CHECK(f.harness.exchange({ip6(kA, kPZ).udp(4002, 53)}).size() == 1);
  CHECK(f.refusal(wish(kA, 4002)) == LeaseRefusal::kDenied);
  const auto told = f.from_outside(before);  // conflict C4: 3/13
  REQUIRE(told.size() == 1);
  CHECK((told[0][0] >> 4 == 4 && told[0][20] == 3 && told[0][21] == 13));
  f.lease(wish(kB, 4001));
  CHECK(f.bindings() == 3);
}

TEST_CASE("RFC 6888 REQ-4: mappings count as the subscriber's bindings") {
  auto settings = test::stateful();
  settings.subscriber_bindings = 2;
  Fixture f(settings);
  f.lease(wish(kA, 4000));
  f.lease(wish(kA, 4001));
  CHECK(f.refusal(wish(kA, 4002)) == LeaseRefusal::kLimit);
  f.lease(wish(kA, 4001));
  f.translator().end_lease(wish(kA, 4000));
  f.lease(wish(kA, 4002));
  CHECK(f.bindings() == 2);
}

TEST_CASE("RFC 6887 11: a mapping does not outlive its pool address") {
  Fixture f;
  const auto leased = f.lease(wish(kA, 4000));
  CHECK(f.from_outside(leased).size() == 1);
  f.lease(wish(kB, 4000));
  auto settings = test::stateful();
  settings.instances[0].pools[0].ranges = {
      {*net::parse_ip4("203.0.113.64"), *net::parse_ip4("203.0.113.71")}};
  REQUIRE(f.harness.change_pools(settings) == "");
  CHECK(f.bindings() == 0);
  CHECK(f.used() == 0);
  CHECK(f.from_outside(leased).empty());
  // Who asks again is given another.
  const auto next = f.lease(wish(kA, 4000));
  CHECK(net::to_string(next.outside).substr(0, 11) == "203.0.113.6");
  CHECK(f.from_outside(next).size() == 1);
}

TEST_CASE("RFC 6887 11.3: static bindings are told, and stay") {
  Fixture f;
  const StaticBinding b{
      0, 17, *net::parse_ip6(kA), net::Be16(80), *net::parse_ip4("203.0.113.1"), net::Be16(8080)};
  REQUIRE(f.harness.statics().add({b}));
  const auto leased = f.lease(wish(kA, 80));
  CHECK(leased.is_static);
  CHECK(leased.outside_port.host() == 8080);
  CHECK(f.translator().bound(wish(kA, 80)) == Translator::Bound::kStatically);
  f.translator().end_lease(wish(kA, 80));
  CHECK(f.bindings() == 1);
  const StaticBinding whole{0, 0, *net::parse_ip6(kB), {}, *net::parse_ip4("203.0.113.2"), {}};
  if (f.harness.statics().add({whole})) {
    CHECK(f.lease(wish(kB, 7)).is_static);
    CHECK(f.lease(wish(kB, 7)).outside_port.host() == 7);
  }
}

}  // namespace isthmus::nat::lease_test
