// SPDX-License-Identifier: BSD-3-Clause
#include "pcp/server.h"

#include <map>
#include <set>

#include "catch.h"
#include "client.h"

namespace isthmus::pcp {
namespace {

using test::Bytes;
using test::hex;
using test::kClient;
using test::Map;
using test::operator+;

constexpr uint32_t kForever = 0xffffffff;

/// A translator of one address that gives ports from 1024 upwards.
struct Translator final : Gateway {
  std::map<Internal, External> leases;
  std::map<Internal, External> outbound, fixed;
  std::set<uint16_t> taken;
  uint16_t next = 1024;
  std::optional<Code> error;
  bool serves = true;

  std::variant<External, Code> lease(const Wish& wish) override {
    if (error) return *error;
    for (const auto* bound : {&fixed, &leases, &outbound}) {
      const auto at = bound->find(wish.internal);
      if (at == bound->end()) continue;
      if (wish.nothing_else && wish.port != at->second.port) return Code::kCannotProvideExternal;
      if (bound != &fixed) leases[wish.internal] = at->second;
      return at->second;
    }
    const bool free = wish.port != 0 && taken.count(wish.port) == 0;
    if (!free && wish.nothing_else) return Code::kCannotProvideExternal;
    const External external{*net::parse_ip4("203.0.113.7"), free ? wish.port : next++, false};
    taken.insert(external.port);
    return leases[wish.internal] = external;
  }
  void release(const Internal& internal) override {
    taken.erase(leases.at(internal).port);
    leases.erase(internal);
  }
  Known known(const Internal& internal) override {
    return fixed.count(internal)      ? Known::kFixed
           : outbound.count(internal) ? Known::kOutbound
                                      : Known::kNothing;
  }
  std::vector<net::Prefix6052> prefixes(const net::Ip6&) override {
    if (!serves) return {};
    return {net::Prefix6052::well_known()};
  }
};

struct Answer {
  Code code;
  uint32_t lifetime, epoch;
  MapFields map;
};

uint32_t word(const Bytes& bytes, std::size_t at) {
  return uint32_t{bytes[at]} << 24 | uint32_t{bytes[at + 1]} << 16 | uint32_t{bytes[at + 2]} << 8 |
         bytes[at + 3];
}

struct Fixture {
  Translator translator;
  Server server{translator, {120, 86400, 3, 64}, 1000};
  double now = 1000;

  Answer ask(const Map& map, const Bytes& options = {}) {
    const auto answer = server.answer(map.bytes(options), map.client, now);
    REQUIRE(answer);
    REQUIRE(answer->size() >= 60);
    Answer out{static_cast<Code>((*answer)[3]), word(*answer, 4), word(*answer, 8), {}};
    std::memcpy(&out.map, answer->data() + 24, sizeof out.map);
    return out;
  }
};

Map map_of(uint16_t port, uint32_t lifetime = 600) {
  Map map;
  map.internal = port;
  map.lifetime = lifetime;
  return map;
}

}  // namespace

TEST_CASE("RFC 6887 11.3: a mapping is made, renewed and deleted") {
  Fixture f;
  auto made = f.ask(map_of(4000));
  CHECK(made.code == Code::kSuccess);
  CHECK(made.lifetime == 600);
  CHECK(made.map.external_port.host() == 1024);
  CHECK(unmapped(made.map.external) == *net::parse_ip4("203.0.113.7"));
  CHECK(made.map.internal_port.host() == 4000);
  f.now += 500;
  CHECK(f.ask(map_of(4000)).map.external_port.host() == 1024);
  f.now += 500;
  f.server.expire(f.now);
  CHECK(f.translator.leases.size() == 1);
  CHECK(f.ask(map_of(4000, 0)).code == Code::kSuccess);
  CHECK(f.translator.leases.empty());
  CHECK(f.server.mappings().empty());
  // 15.1: what does not exist can be deleted, or the answer to a repetition would differ.
  const auto again = f.ask(map_of(4000, 0));
  CHECK(again.code == Code::kSuccess);
  CHECK(again.lifetime == 0);
}

TEST_CASE("RFC 6887 15: lifetimes have bounds, and end") {
  Fixture f;
  CHECK(f.ask(map_of(4000, 1)).lifetime == 120);
  CHECK(f.ask(map_of(4001, kForever)).lifetime == 86400);
  f.server.expire(f.now + 119);
  CHECK(f.server.mappings().size() == 2);
  f.server.expire(f.now + 120);
  CHECK(f.server.mappings().size() == 1);
  CHECK(f.translator.leases.size() == 1);
  CHECK(f.server.figures().expired == 1);
}

TEST_CASE("RFC 6887 11.3: a suggestion is a hint") {
  Fixture f;
  f.translator.taken = {5000};
  Map map = map_of(4000);
  map.external = "::ffff:203.0.113.7";
  map.external_port = 5001;
  CHECK(f.ask(map).map.external_port.host() == 5001);
  map = map_of(4001);
  map.external = "::ffff:203.0.113.7";
  map.external_port = 5000;
  CHECK(f.ask(map).map.external_port.host() == 1024);
  map.internal = 4002;
  const auto refused = f.ask(map, hex("02 00 0000"));
  CHECK(refused.code == Code::kCannotProvideExternal);
  CHECK(refused.lifetime == 30);
}

TEST_CASE("RFC 6887 11.3, 18.1: only who made a mapping may change it") {
  Fixture f;
  f.ask(map_of(4000));
  f.now += 100.5;
  Map other = map_of(4000);
  other.nonce = "ffffffffffffffffffffffff";
  for (const uint32_t lifetime : {600u, 0u}) {
    other.lifetime = lifetime;
    const auto refused = f.ask(other);
    CHECK(refused.code == Code::kNotAuthorized);
    CHECK(refused.lifetime == 500);  // what the mapping still has
  }
  CHECK(f.translator.leases.size() == 1);
}

TEST_CASE("RFC 6887 11.3: what exists already is told, static or made by traffic") {
  Fixture f;
  const Internal fixed{kClient, 17, 80}, outbound{kClient, 17, 81};
  f.translator.fixed[fixed] = {*net::parse_ip4("203.0.113.9"), 80, true};
  f.translator.outbound[outbound] = {*net::parse_ip4("203.0.113.7"), 7777, false};
  const auto told = f.ask(map_of(80));
  CHECK(told.code == Code::kSuccess);
  CHECK(told.lifetime == kForever);
  CHECK(told.map.external_port.host() == 80);
  CHECK(f.server.mappings().empty());
  // 15.1: neither can be deleted by PCP.
  CHECK(f.ask(map_of(80, 0)).code == Code::kNotAuthorized);
  CHECK(f.ask(map_of(81, 0)).code == Code::kNotAuthorized);
  CHECK(f.ask(map_of(81)).map.external_port.host() == 7777);
}

TEST_CASE("RFC 6887 11.3: protocols and ports that cannot be had") {
  Fixture f;
  Map map;
  map.protocol = 0;
  CHECK(f.ask(map).code == Code::kMalformedRequest);
  map.internal = 0;  // all that comes: a static binding's
  CHECK(f.ask(map).code == Code::kUnsupportedProtocol);
  map.protocol = 6;  // all ports
  CHECK(f.ask(map).code == Code::kUnsupportedProtocol);
  map = Map{};
  map.protocol = 132;
  const auto refused = f.ask(map);
  CHECK(refused.code == Code::kUnsupportedProtocol);
  CHECK(refused.lifetime == 1800);
  CHECK(f.translator.leases.empty());
}

TEST_CASE("RFC 6887 11.3: a subscriber's quota; renewing needs none") {
  Fixture f;
  for (uint16_t port = 4000; port < 4003; ++port) CHECK(f.ask(map_of(port)).code == Code::kSuccess);
  CHECK(f.ask(map_of(4003)).code == Code::kUserExceededQuota);
  CHECK(f.ask(map_of(4002)).code == Code::kSuccess);
  // Another host of the same /64 shares it; the neighbour has one of its own.
  Map sibling = map_of(1);
  sibling.client = *net::parse_ip6("2001:db8:1::ffff");
  CHECK(f.ask(sibling).code == Code::kUserExceededQuota);
  sibling.client = *net::parse_ip6("2001:db8:1:1::10");
  CHECK(f.ask(sibling).code == Code::kSuccess);
  f.ask(map_of(4000, 0));
  CHECK(f.ask(map_of(4003)).code == Code::kSuccess);
}

TEST_CASE("RFC 6887 7.4: what the translator cannot do is told, and changes nothing") {
  Fixture f;
  for (const Code code : {Code::kNoResources, Code::kNetworkFailure}) {
    f.translator.error = code;
    const auto refused = f.ask(map_of(4000));
    CHECK(refused.code == code);
    CHECK(refused.lifetime == 30);
  }
  CHECK(f.server.mappings().empty());
  CHECK(f.server.figures().refused == 2);
}

TEST_CASE("RFC 6887 8.2: who is no client of ours hears nothing") {
  Fixture f;
  f.translator.serves = false;
  CHECK_FALSE(f.server.answer(Map{}.bytes(), kClient, f.now));
  CHECK(f.server.figures().ignored == 1);
}

TEST_CASE("RFC 6887 8.5: the epoch counts seconds, and begins anew when mappings were lost") {
  Fixture f;
  f.now += 42.9;
  CHECK(f.ask(map_of(4000)).epoch == 42);
  CHECK_FALSE(f.server.drop([](const Mapping&) { return false; }, f.now));
  CHECK(f.ask(map_of(4000)).epoch == 42);
  CHECK(f.server.drop([](const Mapping& m) { return m.external.port == 1024; }, f.now));
  CHECK(f.translator.leases.empty());
  f.now += 2;
  CHECK(f.ask(map_of(4000)).epoch == 2);
}

}  // namespace isthmus::pcp
