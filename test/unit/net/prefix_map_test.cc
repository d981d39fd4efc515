// SPDX-License-Identifier: BSD-3-Clause
#include <random>

#include "catch.h"
#include "net/address_rules.h"
#include "net/prefix_map.h"

using namespace isthmus;
using namespace isthmus::net;

namespace {

Ip4Prefix p4(const char* text) {
  return *parse_ip4_prefix(text);
}
Ip6Prefix p6(const char* text) {
  return *parse_ip6_prefix(text);
}

}  // namespace

TEST_CASE("prefix map: the longest prefix counts") {
  PrefixMap<Ip4Prefix> map;
  CHECK(map.empty());
  CHECK(map.find(*parse_ip4("10.0.0.1")) == map.kNone);
  map.add(p4("10.1.0.0/16"), 2);
  map.add(p4("10.0.0.0/8"), 1);
  map.add(p4("10.1.2.3/32"), 3);
  map.add(p4("255.255.255.0/24"), 4);
  map.build();
  for (const auto& [text, value] : {std::pair{"9.255.255.255", 0},
                                    {"10.0.0.0", 1},
                                    {"10.0.255.255", 1},
                                    {"10.1.0.0", 2},
                                    {"10.1.2.2", 2},
                                    {"10.1.2.3", 3},
                                    {"10.1.2.4", 2},
                                    {"10.2.0.0", 1},
                                    {"10.255.255.255", 1},
                                    {"11.0.0.0", 0},
                                    {"255.255.255.255", 4},
                                    {"0.0.0.0", 0}}) {
    INFO(text);
    CHECK(map.find(*parse_ip4(text)) == value);
  }
}

TEST_CASE("prefix map: everything, and one of two equal prefixes") {
  PrefixMap<Ip6Prefix> map;
  map.add(p6("::/0"), 1);
  map.add(p6("2001:db8::/32"), 2);
  map.add(p6("2001:db8::/32"), 3);
  map.add(p6("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"), 4);
  map.build();
  CHECK(map.find(*parse_ip6("::")) == 1);
  CHECK(map.find(*parse_ip6("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff")) == 3);
  CHECK(map.find(*parse_ip6("2001:db9::")) == 1);
  CHECK(map.find(*parse_ip6("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")) == 4);
  CHECK(map.find(*parse_ip6("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe")) == 1);
}

TEST_CASE("prefix map: as a search through all prefixes") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 50; ++round) {
    PrefixMap<Ip4Prefix> map;
    std::vector<std::pair<Ip4Prefix, uint8_t>> all;
    for (int i = 0; i < 40; ++i) {
      const auto length = static_cast<uint8_t>(random() % 33);
      Ip4Prefix prefix{{}, length};
      prefix.address = Ip4::from_host((random() & 0x0f0f00ff) & prefix.mask());
      all.emplace_back(prefix, static_cast<uint8_t>(1 + random() % 3));
      map.add(prefix, all.back().second);
    }
    map.build();
    for (int i = 0; i < 400; ++i) {
      const auto address = Ip4::from_host(random() & 0x0f0f00ff);
      int length = -1;
      uint8_t expected = 0;
      for (const auto& [prefix, value] : all) {
        if (!prefix.contains(address) || prefix.length < length) continue;
        length = prefix.length;
        expected = value;
      }
      CHECK(map.find(address) == expected);
    }
  }
}

TEST_CASE("address rules: amended, the longer prefix counts") {
  const AddressRules none;
  CHECK(none.is_non_global(*parse_ip4("198.18.0.1")));
  CHECK_FALSE(none.is_forbidden(*parse_ip4("198.18.0.1")));
  const AddressRules rules({p4("198.18.0.0/15"), p4("10.9.0.0/16")}, {p4("10.0.0.0/8")});
  CHECK_FALSE(rules.is_non_global(*parse_ip4("198.18.0.1")));
  CHECK(rules.is_non_global(*parse_ip4("192.168.0.1")));
  CHECK(rules.is_forbidden(*parse_ip4("10.8.0.1")));
  CHECK_FALSE(rules.is_forbidden(*parse_ip4("10.9.0.1")));
  CHECK_FALSE(rules.is_non_global(*parse_ip4("10.9.0.1")));
  CHECK(rules == AddressRules({p4("198.18.0.0/15"), p4("10.9.0.0/16")}, {p4("10.0.0.0/8")}));
  CHECK_FALSE(rules == none);
}

TEST_CASE("address rules: what is ordinary would pass every other question") {
  const AddressRules none;
  const AddressRules rules({p4("198.18.0.0/15")}, {p4("20.1.0.0/16"), p4("40.0.0.0/6")});
  CHECK(none.is_ordinary(*parse_ip4("20.1.0.1")));
  CHECK_FALSE(rules.is_ordinary(*parse_ip4("20.1.0.1")));
  CHECK(rules.is_ordinary(*parse_ip4("21.0.0.0")));
  CHECK(rules.is_ordinary(*parse_ip4("39.255.255.255")));
  CHECK_FALSE(rules.is_ordinary(*parse_ip4("40.0.0.0")));
  CHECK_FALSE(rules.is_ordinary(*parse_ip4("43.255.255.255")));
  CHECK(rules.is_ordinary(*parse_ip4("44.0.0.0")));
  const AddressRules everything({}, {p4("0.0.0.0/0")});
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 100'000; ++i) {
    const auto address = Ip4::from_host(static_cast<uint32_t>(random()));
    if (everything.is_ordinary(address)) FAIL(to_string(address));
    if (rules.is_ordinary(address) && (is_illegal_source(address) || rules.is_forbidden(address) ||
                                       rules.is_non_global(address))) {
      FAIL(to_string(address));
    }
  }
}
