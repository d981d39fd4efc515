// SPDX-License-Identifier: BSD-3-Clause
#include "net/rfc6052.h"

#include "catch.h"

using namespace isthmus::net;

namespace {
Prefix6052 prefix(const char* text) {
  return *Prefix6052::make(*parse_ip6_prefix(text));
}
}  // namespace

TEST_CASE("RFC 6052 2.4: the table of text representations") {
  struct {
    const char* prefix;
    const char* embedded;
  } rows[] = {
      {"2001:db8::/32", "2001:db8:c000:221::"},
      {"2001:db8:100::/40", "2001:db8:1c0:2:21::"},
      {"2001:db8:122::/48", "2001:db8:122:c000:2:2100::"},
      {"2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"},
      {"2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"},
      {"2001:db8:122:344::/96", "2001:db8:122:344::c000:221"},
      {"64:ff9b::/96", "64:ff9b::c000:221"},
  };
  const auto address = *parse_ip4("192.0.2.33");
  for (const auto& row : rows) {
    INFO(row.prefix);
    const auto p = prefix(row.prefix);
    CHECK(to_string(p.embed(address)) == to_string(*parse_ip6(row.embedded)));
    CHECK(p.extract(*parse_ip6(row.embedded)) == address);
    CHECK(p.contains(*parse_ip6(row.embedded)));
    for (const uint32_t host : {0u, 1u, 0x01020304u, 0x80000001u, 0xffffffffu}) {
      CHECK(p.extract(p.embed(Ip4::from_host(host))).host() == host);
      CHECK(p.embed(Ip4::from_host(host)).bytes[8] == 0);
    }
  }
}

TEST_CASE("RFC 6052 2.2: on receipt suffix and octet u are ignored") {
  struct {
    const char* prefix;
    const char* address;
  } rows[] = {
      {"2001:db8::/32", "2001:db8:c000:221:ff01:2:3:4"},
      {"2001:db8:100::/40", "2001:db8:1c0:2:ff21:1:2:3"},
      {"2001:db8:122:344::/64", "2001:db8:122:344:ffc0:2:21ff:ff"},
  };
  for (const auto& row : rows) {
    const auto p = prefix(row.prefix);
    CHECK(p.contains(*parse_ip6(row.address)));
    CHECK(to_string(p.extract(*parse_ip6(row.address))) == "192.0.2.33");
  }
}

TEST_CASE("RFC 6052 2.2: only six lengths, and bits 64-71 zero") {
  for (unsigned length = 0; length <= 128; ++length) {
    const bool legal = length == 32 || length == 40 || length == 48 || length == 56 ||
                       length == 64 || length == 96;
    const Ip6Prefix p = prefix_of(*parse_ip6("2001:db8:1:2::"), static_cast<uint8_t>(length));
    INFO(length);
    CHECK(Prefix6052::make(p).has_value() == legal);
  }
  CHECK_FALSE(Prefix6052::make(*parse_ip6_prefix("2001:db8:0:0:100::/96")));
  CHECK_FALSE(Prefix6052::make(*parse_ip6_prefix("2001:db8:0:0:ff00::/96")));
  CHECK(Prefix6052::make(*parse_ip6_prefix("2001:db8:0:0:1::/96")));
}

TEST_CASE("a prefix contains its addresses and no others") {
  const auto p = prefix("2001:db8:64::/96");
  CHECK(p.contains(*parse_ip6("2001:db8:64::")));
  CHECK(p.contains(*parse_ip6("2001:db8:64::ffff:ffff")));
  CHECK_FALSE(p.contains(*parse_ip6("2001:db8:64::1:0:0")));
  CHECK_FALSE(p.contains(*parse_ip6("2001:db8:63::1")));
  const auto q = prefix("2001:db8:100::/40");
  CHECK(q.contains(*parse_ip6("2001:db8:1ff:ffff:ffff::")));
  CHECK_FALSE(q.contains(*parse_ip6("2001:db8:200::")));
}

TEST_CASE("RFC 6052 2.1: the well-known prefix is known") {
  CHECK(Prefix6052::well_known().is_well_known());
  CHECK(prefix("64:ff9b::/96").is_well_known());
  CHECK(prefix("64:ff9b::/96") == Prefix6052::well_known());
  CHECK_FALSE(prefix("64:ff9b:1::/96").is_well_known());
  CHECK_FALSE(prefix("64:ff9b::/64").is_well_known());
  CHECK(to_string(Prefix6052::well_known().prefix()) == "64:ff9b::/96");
}

TEST_CASE("RFC 6890: what is not global, at both ends of each block") {
  const char* blocks[] = {"0.0.0.0/8",      "10.0.0.0/8",    "100.64.0.0/10",   "127.0.0.0/8",
                          "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",    "192.0.2.0/24",
                          "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
                          "224.0.0.0/4",    "240.0.0.0/4"};
  for (const char* text : blocks) {
    INFO(text);
    const auto block = *parse_ip4_prefix(text);
    const uint32_t first = block.address.host();
    const uint32_t last = first + static_cast<uint32_t>(block.size() - 1);
    CHECK(is_non_global(Ip4::from_host(first)));
    CHECK(is_non_global(Ip4::from_host(last)));
    if (first != 0 && first != 0xe0000000 && first != 0xf0000000) {
      CHECK_FALSE(is_non_global(Ip4::from_host(first - 1)));
    }
    if (last != 0xffffffff && last != 0xefffffff) {
      CHECK_FALSE(is_non_global(Ip4::from_host(last + 1)));
    }
  }
  CHECK_FALSE(is_non_global(*parse_ip4("192.88.99.1")));
}
