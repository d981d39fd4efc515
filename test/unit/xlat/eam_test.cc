// SPDX-License-Identifier: BSD-3-Clause
// RFC 7757 3: the table of explicit address mappings.
#include "xlat/eam.h"

#include "catch.h"
#include "xlat/siit.h"

namespace isthmus::eam_test {

namespace {

net::Ip4 four(const char* text) {
  return *net::parse_ip4(text);
}
net::Ip6 six(const char* text) {
  return *net::parse_ip6(text);
}
net::Eam eam(const char* six, const char* four) {
  return {*net::parse_ip6_prefix(six), *net::parse_ip4_prefix(four)};
}

std::string to4(const xlat::EamTable& table, const char* address) {
  net::Ip4 out;
  return table.to4(six(address), out) ? net::to_string(out) : "none";
}
std::string to6(const xlat::EamTable& table, const char* address) {
  net::Ip6 out;
  return table.to6(four(address), out) ? net::to_string(out) : "none";
}

}  // namespace

TEST_CASE("RFC 7757 3.2: the IPv4 suffix has no more bits than the IPv6 suffix") {
  CHECK_FALSE(eam("2001:db8::/125", "192.0.2.0/24").fits());
  CHECK(eam("2001:db8::/64", "192.0.2.64/26").fits());
  CHECK(eam("2001:db8::/120", "192.0.2.0/24").fits());
  CHECK(eam("2001:db8::1/128", "192.0.2.1/32").fits());
  CHECK_FALSE(eam("2001:db8::/97", "0.0.0.0/0").fits());
}

TEST_CASE("RFC 7757 5: overlapping mappings, the longest match each way") {
  // Figure 2.
  const net::Eam list[] = {eam("2001:db8:ff00::/40", "0.0.0.0/0"),
                           eam("2001:db8::abcd/128", "198.51.100.64/32")};
  const auto table = xlat::EamTable::make(list);
  CHECK(to4(*table, "2001:db8:ffc6:3364:4000::") == "198.51.100.64");
  CHECK(to6(*table, "198.51.100.64") == "2001:db8::abcd");
  CHECK(to6(*table, "198.51.100.65") == "2001:db8:ffc6:3364:4100::");
  CHECK(to4(*table, "2001:db8::abce") == "none");
}

TEST_CASE("RFC 7757 3.3: the widest and the narrowest mapping") {
  SECTION("all of IPv4 at the end of a /96") {
    const net::Eam list[] = {eam("2001:db8::/96", "0.0.0.0/0")};
    const auto table = xlat::EamTable::make(list);
    CHECK(to6(*table, "255.255.255.254") == "2001:db8::ffff:fffe");
    CHECK(to4(*table, "2001:db8::c000:201") == "192.0.2.1");
  }
  SECTION("a suffix of one bit behind no prefix") {
    const net::Eam list[] = {eam("::/0", "192.0.2.0/31")};
    const auto table = xlat::EamTable::make(list);
    CHECK(to6(*table, "192.0.2.1") == "8000::");
    CHECK(to4(*table, "ffff::1") == "192.0.2.1");
  }
  SECTION("one address for all of IPv6") {
    const net::Eam list[] = {eam("::/0", "192.0.2.1/32")};
    const auto table = xlat::EamTable::make(list);
    CHECK(to6(*table, "192.0.2.1") == "::");
    CHECK(to4(*table, "2001:db8::1") == "192.0.2.1");
  }
  SECTION("an empty table") {
    const auto table = xlat::EamTable::make({});
    CHECK(to6(*table, "192.0.2.1") == "none");
    CHECK(to4(*table, "2001:db8::1") == "none");
    table->prefetch(four("192.0.2.1"));
    CHECK(table->bytes() == 0);
  }
}

TEST_CASE("a mapping inside or around a translation prefix is noticed") {
  const net::Eam list[] = {eam("2001:db8:64::5/128", "192.0.2.5/32"),
                           eam("2001:db8:70::/44", "192.0.2.16/28")};
  const auto table = xlat::EamTable::make(list);
  CHECK(table->overlaps(*net::parse_ip6_prefix("2001:db8:64::/96")));
  CHECK(table->overlaps(*net::parse_ip6_prefix("2001:db8:7f::/96")));
  CHECK_FALSE(table->overlaps(*net::parse_ip6_prefix("2001:db8:65::/96")));
  CHECK(table->overlaps(*net::parse_ip4_prefix("192.0.2.0/24")));
  CHECK_FALSE(table->overlaps(*net::parse_ip4_prefix("192.0.2.32/27")));
}

TEST_CASE("RFC 7757 3.3: mappings come before the prefix") {
  xlat::Siit siit;
  siit.prefix = *net::Prefix6052::make(*net::parse_ip6_prefix("2001:db8:64::/96"));
  const net::Eam list[] = {eam("2001:db8:64::5/128", "192.0.2.9/32")};
  siit.eam = xlat::EamTable::make(list);
  net::Ip4 to4;
  xlat::By by;
  CHECK(siit.map_6to4(six("2001:db8:64::5"), to4, by) == net::DropReason::kNone);
  CHECK(to4 == four("192.0.2.9"));
  CHECK(by == xlat::By::kEam);
  CHECK(siit.map_6to4(six("2001:db8:64::192.0.2.7"), to4, by) == net::DropReason::kNone);
  CHECK(by == xlat::By::kPrefix);
  CHECK(siit.takes6(six("2001:db8:64::5")));
  CHECK(siit.takes4(four("192.0.2.9")));
}

}  // namespace isthmus::eam_test
