// SPDX-License-Identifier: BSD-3-Clause
#include "net/addr.h"

#include "catch.h"

using namespace isthmus::net;

TEST_CASE("addresses read and write their canonical texts") {
  for (const char* text : {"0.0.0.0", "192.0.2.33", "255.255.255.255"}) {
    REQUIRE(parse_ip4(text));
    CHECK(to_string(*parse_ip4(text)) == text);
  }
  for (const char* text : {"::", "::1", "2001:db8::1", "64:ff9b:1:fffe::", "fe80::1:2:3:4"}) {
    REQUIRE(parse_ip6(text));
    CHECK(to_string(*parse_ip6(text)) == text);
  }
  CHECK(parse_ip4("192.0.2.33")->host() == 0xc0000221);
  CHECK(to_string(Ip4::from_host(0xc0000221)) == "192.0.2.33");
  CHECK(*parse_ip6("64:ff9b::192.0.2.33") == *parse_ip6("64:ff9b::c000:221"));
}

TEST_CASE("addresses refuse what is none") {
  for (const char* text :
       {"", " 1.2.3.4", "1.2.3.4 ", "1.2.3", "1.2.3.256", "1.2.3.4.5", "1.2.3.-4", "0x1.2.3.4",
        "::1", "999999999999999999999999999999999999999999999999"}) {
    INFO(text);
    CHECK_FALSE(parse_ip4(text));
  }
  for (const char* text : {"", ":", "1.2.3.4", "2001:db8::1::2", "2001:db8::g", " ::1", "::1/64",
                           "1:2:3:4:5:6:7:8:9", "fe80::1%eth0"}) {
    INFO(text);
    CHECK_FALSE(parse_ip6(text));
  }
  CHECK_FALSE(parse_ip4(std::string_view("1.2.3.4\0x", 9)));
  CHECK_FALSE(parse_ip6(std::string_view("::1\0", 4)));
}

TEST_CASE("prefixes read and write, and refuse host bits") {
  for (const char* text : {"0.0.0.0/0", "10.0.0.0/8", "192.0.2.33/32", "192.0.2.32/31"}) {
    REQUIRE(parse_ip4_prefix(text));
    CHECK(to_string(*parse_ip4_prefix(text)) == text);
  }
  for (const char* text :
       {"::/0", "2001:db8::/32", "2001:db8::1/128", "64:ff9b::/96", "fe80::/10"}) {
    REQUIRE(parse_ip6_prefix(text));
    CHECK(to_string(*parse_ip6_prefix(text)) == text);
  }
  for (const char* text :
       {"", "/", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/8 ", "10.0.0.0/-1",
        "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0.0/4294967304"}) {
    INFO(text);
    CHECK_FALSE(parse_ip4_prefix(text));
  }
  for (const char* text : {"2001:db8::1/32", "::/129", "::/", "::", "2001:db8::/x"}) {
    INFO(text);
    CHECK_FALSE(parse_ip6_prefix(text));
  }
}

TEST_CASE("prefixes contain what they should") {
  const auto ten = *parse_ip4_prefix("10.0.0.0/8");
  CHECK(ten.contains(*parse_ip4("10.255.255.255")));
  CHECK_FALSE(ten.contains(*parse_ip4("11.0.0.0")));
  CHECK(ten.contains(*parse_ip4_prefix("10.1.0.0/16")));
  CHECK_FALSE(ten.contains(*parse_ip4_prefix("0.0.0.0/0")));
  CHECK(parse_ip4_prefix("0.0.0.0/0")->contains(*parse_ip4("255.1.2.3")));
  CHECK(parse_ip4_prefix("0.0.0.0/0")->size() == uint64_t{1} << 32);
  CHECK(parse_ip4_prefix("192.0.2.1/32")->size() == 1);
  for (unsigned length = 0; length <= 128; ++length) {
    const auto address = *parse_ip6("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff");
    const auto prefix = prefix_of(address, static_cast<uint8_t>(length));
    CHECK(prefix.contains(address));
    CHECK(prefix.contains(prefix.address));
    if (length == 0) continue;
    Ip6 outside = prefix.address;  // flip the last bit of the prefix
    outside.bytes[(length - 1) / 8] ^= static_cast<uint8_t>(0x80 >> ((length - 1) % 8));
    CHECK_FALSE(prefix.contains(outside));
    CHECK(prefix_of(address, static_cast<uint8_t>(length - 1)).contains(prefix));
  }
}

TEST_CASE("MAC addresses") {
  CHECK(to_string(*parse_mac("02:00:5e:10:00:ff")) == "02:00:5e:10:00:ff");
  CHECK(parse_mac("02:00:5E:10:00:FF") == parse_mac("02:00:5e:10:00:ff"));
  for (const char* text : {"", "02:00:5e:10:00", "02:00:5e:10:00:f", "02-00-5e-10-00-ff",
                           "02:00:5e:10:00:fg", "02:00:5e:10:00:ff:"}) {
    CHECK_FALSE(parse_mac(text));
  }
}

TEST_CASE("RFC 1812 5.3.7, RFC 4291 2.5: illegal sources") {
  for (unsigned first = 0; first < 256; ++first) {
    const bool illegal = first == 0 || first == 127 || first >= 224;
    CHECK(is_illegal_source(Ip4::from_host(first << 24 | 0x010203)) == illegal);
  }
  for (const char* text : {"::", "::1", "::192.0.2.1", "::ffff:192.0.2.1", "ff00::", "ff02::1",
                           "fe80::1", "febf:ffff::1"}) {
    INFO(text);
    CHECK(is_illegal_source(*parse_ip6(text)));
  }
  for (const char* text : {"2001:db8::1", "64:ff9b::1", "fc00::1", "fec0::1", "fe7f::1", "1::"}) {
    INFO(text);
    CHECK_FALSE(is_illegal_source(*parse_ip6(text)));
  }
}

TEST_CASE("order of addresses is that of their numbers") {
  CHECK(*parse_ip4("1.0.0.2") < *parse_ip4("2.0.0.1"));
  CHECK(*parse_ip6("::2:0") < *parse_ip6("1::"));
  CHECK_FALSE(*parse_ip6("1::") < *parse_ip6("1::"));
}
