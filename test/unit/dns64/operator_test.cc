// SPDX-License-Identifier: BSD-3-Clause
// Files and limits of the operator: names, hosts, zones, rates, memory.
#include <random>

#include "catch.h"
#include "dns64/cache.h"
#include "dns64/client_limits.h"
#include "dns64/local_zones.h"
#include "dns64/name_rules.h"
#include "dns64/text.h"
#include "dns64/upstreams.h"

namespace isthmus::operator_test {
using namespace dns64;

namespace {

Name name(const std::string& text) {
  return *Name::from_text(text);
}

std::string error_of(const Status& status) {
  return status ? "" : status.error().text;
}

}  // namespace

TEST_CASE("text: an answer as text has no times that nobody took, and its error by name") {
  const std::vector<uint8_t> wire = {0, 7,   0x81, 0x80, 0,  1, 0, 0,  0, 0,  0, 1,
                                     1, 'a', 0,    0,    28, 0, 1, 0,  0, 41, 4, 208,
                                     0, 0,   0,    0,    0,  6, 0, 15, 0, 2,  0, 29};
  const std::string text = message_text(wire);
  CHECK(text.find("id: 7\n") != std::string::npos);
  CHECK(text.find("; EDE: 29 (Synthesized)\n") != std::string::npos);
  CHECK(text.find("WHEN") == std::string::npos);
  CHECK(text.find("Query time") == std::string::npos);
}

TEST_CASE("name rules: a hundred thousand names from a file, found whatever the case") {
  std::string text = "# a list\n";
  for (int i = 0; i < 100'000; ++i) text += "*.host" + std::to_string(i) + ".example\n";
  NameRules rules;
  REQUIRE(rules.add_file("list", text, NameAction::kExclude));
  CHECK(rules.size() == 100'000);
  CHECK(rules.find(name("WWW.Host99999.example")) == NameAction::kExclude);
  CHECK_FALSE(rules.find(name("host99999.example")));
  CHECK_FALSE(rules.find(name("www.host100000.example")));
}

TEST_CASE("name rules: blocklists in hosts format, and errors with file, line and text") {
  NameRules rules;
  REQUIRE(rules.add_file("list", "0.0.0.0 ads.example # bad\r\n\n:: more.example\n",
                         NameAction::kBlock));
  CHECK(rules.find(name("ads.example")) == NameAction::kBlock);
  CHECK(rules.find(name("more.example")) == NameAction::kBlock);
  CHECK(error_of(rules.add_file("list", "good.example\nbad name example\n", NameAction::kBlock))
            .starts_with("list:2: found \"bad name example\", expected one name a line"));
  CHECK(error_of(rules.add_file("list", "a..b\n", NameAction::kBlock)).starts_with("list:1: "));
}

TEST_CASE("hosts: errors name file, line and text") {
  LocalZones zones;
  const Name zone = name("vpn.example");
  CHECK(error_of(zones.add_hosts(zone, "hosts", "192.0.2.1 a\nnonsense\n")) ==
        "hosts:2: found \"nonsense\", expected an IP address and names, like \"192.0.2.7 "
        "printer.example\"");
  CHECK(error_of(zones.add_hosts(zone, "hosts", "192.0.2.1 a.other.example\n"))
            .starts_with("hosts:1: found \"192.0.2.1 a.other.example\", expected a name in"));
  CHECK(error_of(zones.add_hosts(zone, "hosts", "192.0.2.1\n")).starts_with("hosts:1: "));
}

TEST_CASE("master files: directives and defaults work, errors name file and line") {
  LocalZones zones;
  const Name zone = name("corp.example");
  const std::string text =
      "$TTL 120\n"
      "$ORIGIN corp.example.\n"
      "@ IN SOA ns host 1 3600 600 86400 60\n"
      "www IN A 192.0.2.1\n"
      "    IN TXT \"of www\"\n";
  REQUIRE(zones.add_master(zone, "zone", text));
  Question question{name("www.corp.example"), kTypeA, kClassIn};
  const auto answer = zones.answer(question, Policy{});
  REQUIRE(answer);
  CHECK(answer->rcode() == kNoError);
  REQUIRE(answer->ttl_offsets.size() == 1);
  CHECK(get32(answer->message, answer->ttl_offsets[0]) == 120);
  question.type = 16;
  CHECK(zones.answer(question, Policy{})->ttl_offsets.size() == 1);

  LocalZones bad;
  CHECK(error_of(bad.add_master(zone, "zone", text + "x IN A 1.2.3\n")).starts_with("zone:6: "));
  CHECK(error_of(bad.add_master(zone, "zone", "y.other. 60 IN A 192.0.2.1\n"))
            .find("expected a name in corp.example.") != std::string::npos);
  CHECK(error_of(bad.add_master(zone, "zone", "*.corp.example. 60 IN A 192.0.2.1\n"))
            .find("no wildcards") != std::string::npos);
  CHECK(bad.add_master(zone, "zone", ""));
}

TEST_CASE("master files: RFC 3597 5: data given as octets must be what its type says") {
  const Name zone = name("corp.example");
  LocalZones zones;
  REQUIRE(zones.add_master(zone, "zone", "a 60 IN A \\# 4 c0000201\nb 60 IN TYPE65280 \\# 1 07\n"));
  CHECK(zones.answer({name("a.corp.example"), kTypeAaaa, kClassIn}, Policy{}));
  for (const char* text :
       {"A \\# c00002", "A \\# 3 c00002", "AAAA \\# 4 c0000201", "CNAME \\# 2 c00c",
        "CNAME \\# 3 016100ff", "MX \\# 2 000a", "SRV \\# 7 000000000000c0", "CNAME \\# 0"}) {
    CAPTURE(text);
    LocalZones bad;
    const std::string file = "a.corp.example. 60 IN " + std::string(text) + "\n";
    const std::string error = error_of(bad.add_master(zone, "zone", file));
    CHECK(error.starts_with("zone:"));
  }
}

TEST_CASE("cache: a flood of random names stays inside the bound of bytes") {
  constexpr uint32_t kCapacity = 1000;
  Cache cache(kCapacity, {1, 2, 3});
  std::mt19937 random(7);
  for (int i = 0; i < 20'000; ++i) {
    Name long_name;
    for (int k = 0; k < 3; ++k) {
      std::string label(60, 'a');
      for (char& c : label) c = static_cast<char>('a' + random() % 26);
      long_name.append_label(label);
    }
    const Question question{long_name, kTypeA, kClassIn};
    Answer answer = bare_answer(question, kNxDomain);
    answer.ttl = 3600;
    answer.message.resize(answer.message.size() + random() % 1500);
    cache.insert({question, false, false}, std::move(answer), 0);
    REQUIRE(cache.bytes() <= std::size_t{kCapacity} * Cache::kMeanBytes);
    REQUIRE(cache.size() <= kCapacity);
  }
}

TEST_CASE("rates: a second's worth at once, then as fast as it refills") {
  RateLimit limit(10, {0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f, 0x165667b19e3779f9});
  const net::Ip6 client = *net::parse_ip6("2001:db8::1");
  unsigned allowed = 0;
  for (int i = 0; i < 100; ++i) allowed += limit.check(client, 5000) == RateLimit::Verdict::kAllow;
  CHECK(allowed == 10);
  allowed = 0;
  for (int i = 0; i < 100; ++i) allowed += limit.check(client, 5300) == RateLimit::Verdict::kAllow;
  CHECK(allowed == 3);
  CHECK(limit.check(*net::parse_ip6("2001:db8:0:1::1"), 5300) == RateLimit::Verdict::kAllow);
}

TEST_CASE("in flight: what is taken comes back, and nothing stays behind") {
  InFlight in_flight{net::HashKey()};
  const net::Ip6 client = *net::parse_ip6("2001:db8::1");
  REQUIRE(in_flight.take(client, name("a.example"), 1, 0) == InFlight::Verdict::kAllow);
  CHECK(in_flight.take(client, name("b.example"), 1, 0) == InFlight::Verdict::kClient);
  in_flight.release(client, name("A.EXAMPLE"));
  CHECK(in_flight.clients() == 0);
  CHECK(in_flight.zones() == 0);
}

TEST_CASE("round-trip times follow RFC 6298, and a slow upstream is tried now and then") {
  Upstreams upstreams(2, true);
  upstreams.answered(0, 100);
  CHECK(upstreams.info(0).rtt_ms == 100);
  CHECK(upstreams.patience(0) == 300);
  upstreams.answered(1, 10);
  unsigned slow = 0;
  for (uint64_t i = 0; i < 6400; ++i) slow += upstreams.pick({0, 2}, {}, 0, i) == 0;
  CHECK(slow > 0);
  CHECK(slow <= 6400 / Upstreams::kExplore);
}

}  // namespace isthmus::operator_test
