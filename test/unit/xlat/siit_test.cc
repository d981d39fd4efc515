// SPDX-License-Identifier: BSD-3-Clause
// RFC 7915 6, RFC 6052: stateless address mapping.
#include "xlat/siit.h"
#include "unit/xlat/fixture.h"

namespace isthmus::siit_test {
using namespace test;
using net::DropReason;

namespace {

net::Ip4 four(const char* text) {
  return *net::parse_ip4(text);
}
net::Ip6 six(const char* text) {
  return *net::parse_ip6(text);
}
xlat::Siit with_prefix(const char* text) {
  xlat::Siit siit;
  siit.prefix = *net::Prefix6052::make(*net::parse_ip6_prefix(text));
  return siit;
}

}  // namespace

TEST_CASE("RFC 7915 6: addresses map by the prefix, both ways") {
  const auto siit = with_prefix("2001:db8:64::/96");
  net::Ip4 to4;
  CHECK(siit.map_6to4(six("2001:db8:64::192.0.2.33"), to4) == DropReason::kNone);
  CHECK(net::to_string(to4) == "192.0.2.33");
  CHECK(siit.map_6to4(six("2001:db8:65::192.0.2.33"), to4) == DropReason::kNoMapping);
  net::Ip6 to6;
  CHECK(siit.map_4to6(four("192.0.2.33"), to6) == DropReason::kNone);
  CHECK(to6 == six("2001:db8:64::192.0.2.33"));
}

TEST_CASE("RFC 6052 3.1: the well-known prefix must not carry non-global addresses") {
  xlat::Siit siit;
  const auto check = [&](const char* address) {
    net::Ip4 to4;
    net::Ip6 to6;
    const auto up = siit.map_6to4(siit.prefix.embed(four(address)), to4);
    CHECK(siit.map_4to6(four(address), to6) == up);
    return up;
  };
  for (const char* barred :
       {"0.0.0.1", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1",
        "169.254.1.1", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.168.0.1",
        "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1",
        "255.255.255.255"}) {
    INFO(barred);
    CHECK(check(barred) == DropReason::kWkpNonGlobal);
  }
  for (const char* global : {"8.8.8.8", "1.1.1.1", "11.0.0.1", "100.63.255.255", "100.128.0.1",
                             "172.15.0.1", "172.32.0.1", "192.0.1.1", "192.88.99.1", "192.169.0.1",
                             "198.17.0.1", "198.20.0.1", "203.0.112.1", "223.255.255.255"}) {
    INFO(global);
    CHECK(check(global) == DropReason::kNone);
  }
  SECTION("conflict C3: unless told otherwise") {
    siit.allow_non_global = true;
    CHECK(check("10.0.0.1") == DropReason::kNone);
  }
}

TEST_CASE("RFC 8215 5: the local-use prefix carries any address") {
  const auto siit = with_prefix("64:ff9b:1:fffe::/96");
  net::Ip4 to4;
  CHECK(siit.map_6to4(six("64:ff9b:1:fffe::10.0.0.1"), to4) == DropReason::kNone);
  net::Ip6 to6;
  CHECK(siit.map_4to6(four("10.0.0.1"), to6) == DropReason::kNone);
}

TEST_CASE("RFC 7915 8: what is no IPv4 host has no IPv4 packets") {
  const auto siit = with_prefix("2001:db8:64::/96");
  net::Ip4 to4;
  for (const char* address : {"2001:db8:64::", "2001:db8:64::127.0.0.1", "2001:db8:64::224.0.0.1",
                              "2001:db8:64::255.255.255.255"}) {
    CHECK(siit.map_6to4(six(address), to4) == DropReason::kNoMapping);
  }
  // The other way round a router with such an address may be troubleshot (RFC 7915 4.1).
  net::Ip6 to6;
  CHECK(siit.map_4to6(four("127.0.0.1"), to6) == DropReason::kNone);
}

TEST_CASE("an instance takes its prefix and its inside IPv4 addresses") {
  auto siit = with_prefix("2001:db8:64::/96");
  siit.inside4 = {*net::parse_ip4_prefix("192.0.2.0/26"), *net::parse_ip4_prefix("192.0.2.128/32")};
  CHECK(siit.takes4(four("192.0.2.63")));
  CHECK(siit.takes4(four("192.0.2.128")));
  CHECK_FALSE(siit.takes4(four("192.0.2.64")));
  CHECK_FALSE(xlat::Siit{}.takes4(four("192.0.2.64")));
  CHECK(siit.takes6(six("2001:db8:64::1")));
  CHECK_FALSE(siit.takes6(six("2001:db8:64:0:1::1")));
}

TEST_CASE("RFC 6052 4.1: with the well-known prefix on both sides checksums stay") {
  xlat::Siit siit;
  net::Ip6 a, b;
  REQUIRE(siit.map_4to6(four("8.8.8.8"), a) == DropReason::kNone);
  REQUIRE(siit.map_4to6(four("1.1.1.1"), b) == DropReason::kNone);
  const Bytes packet = ip4("8.8.8.8", "1.1.1.1").udp(1, 2).payload(5);
  const Bytes translated = ip6(net::to_string(a), net::to_string(b)).udp(1, 2).payload(5);
  CHECK(packet[26] == translated[46]);
  CHECK(packet[27] == translated[47]);
}

}  // namespace isthmus::siit_test
