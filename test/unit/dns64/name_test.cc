// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/name.h"

#include "catch.h"
#include "dns64/reverse.h"
#include "net/rfc6052.h"

namespace isthmus::name_test {
using namespace dns64;

namespace {

Name name(const std::string& text) {
  return *Name::from_text(text);
}

}  // namespace

TEST_CASE("RFC 4343: ASCII letters compare without case, other octets exactly") {
  CHECK(name("WwW.eXaMpLe.") == name("www.example."));
  // '@' and '[' frame the capitals, '`' and '{' the small letters.
  CHECK_FALSE(name("\\@.x.") == name("\\096.x."));
  CHECK_FALSE(name("[.x.") == name("{.x."));
  CHECK_FALSE(name("\\193.x.") == name("\\225.x."));
  for (unsigned length = 1; length <= 20; ++length) {
    const Name lower = name(std::string(length, 'q') + ".");
    CHECK(lower == name(std::string(length, 'Q') + "."));
    CHECK(hash_name({}, lower.wire()) ==
          hash_name({}, name(std::string(length, 'Q') + ".").wire()));
    CHECK_FALSE(lower == name(std::string(length - 1, 'q') + "r."));
  }
}

TEST_CASE("a name is within its zones, by whole labels") {
  CHECK(name("a.b.example.").is_within(name("B.example.")));
  CHECK(name("example.").is_within(name("example.")));
  CHECK(name("example.").is_within(name(".")));
  CHECK_FALSE(name("xb.example.").is_within(name("b.example.")));
  CHECK_FALSE(name("example.").is_within(name("b.example.")));
}

TEST_CASE("random case changes letters only, by one bit each") {
  Name mixed = name("ab-1.example.");
  mixed.randomise_case([] { return uint64_t{0b101}; });
  CHECK(to_string(mixed) == "Ab-1.Example.");
  CHECK(mixed == name("ab-1.example."));
}

TEST_CASE("names come back as text with escapes") {
  CHECK(to_string(name(".")) == ".");
  CHECK(to_string(name("a\\.b.example.")) == "a\\.b.example.");
  CHECK(to_string(name("a\\000b.example.")) == "a\\000b.example.");
  CHECK_FALSE(Name::from_text("a..b."));
  CHECK_FALSE(Name::from_text(std::string(64, 'x') + "."));
}

TEST_CASE("RFC 3596 2.5: reverse names are read in any case, and only when complete") {
  const std::string tail = ".0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa.";
  const auto address = address_of_reverse_name(name("1.2.2.0.0.0.0.C" + tail));
  REQUIRE(address);
  CHECK(net::to_string(*address) == "64:ff9b::c000:221");
  CHECK(address_of_reverse_name(name("1.2.2.0.0.0.0.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.B.9.F.F.4.6."
                                     "0.0.IP6.ARPA.")) == address);
  CHECK_FALSE(address_of_reverse_name(name("2.2.0.0.0.0.C" + tail)));
  CHECK_FALSE(address_of_reverse_name(name("1.1.2.2.0.0.0.0.C" + tail)));
  CHECK_FALSE(address_of_reverse_name(name("g.2.2.0.0.0.0.C" + tail)));
  CHECK_FALSE(address_of_reverse_name(name("ip6.arpa.")));
  CHECK_FALSE(address_of_reverse_name(name(".")));
  // As long as a complete one, but of other labels.
  CHECK_FALSE(address_of_reverse_name(name("111.2.0.0.0.0.C" + tail)));
}

TEST_CASE("RFC 6052 2.3: the IPv4 address is found at every prefix length") {
  const net::Ip4 v4 = *net::parse_ip4("192.0.2.33");
  for (const char* text :
       {"2001:db8::/32", "2001:db8:100::/40", "2001:db8:122::/48", "2001:db8:122:300::/56",
        "2001:db8:122:344::/64", "2001:db8:122:344::/96"}) {
    const auto prefix = *net::Prefix6052::make(*net::parse_ip6_prefix(text));
    // Through the text of the reverse name and back.
    const net::Ip6 address = prefix.embed(v4);
    const Name reverse = reverse_zone({address, 128});
    CAPTURE(text);
    const auto back = address_of_reverse_name(reverse);
    REQUIRE(back);
    CHECK(*back == address);
    CHECK(prefix.extract(*back) == v4);
    CHECK(reverse.is_within(reverse_zone(prefix.prefix())));
  }
  CHECK(to_string(reverse_name(v4)) == "33.2.0.192.in-addr.arpa.");
}

}  // namespace isthmus::name_test
