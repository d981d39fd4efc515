// SPDX-License-Identifier: BSD-3-Clause
// Static bindings that come and go under traffic, and what is in their way.
#include "nat/statics.h"

#include <array>
#include <set>

#include "catch.h"
#include "packets/harness.h"
#include "packets/rows.h"

namespace isthmus::nat::statics_test {
namespace {

using test::Bytes, test::Harness, test::ip4, test::ip6, test::kA, test::kB, test::kPZ, test::kZ;

constexpr const char* kT = "203.0.113.1";

StaticBinding port(const char* inside, uint16_t inside_port, uint16_t outside_port,
                   const char* outside = kT) {
  return {0,
          17,
          *net::parse_ip6(inside),
          net::Be16(inside_port),
          *net::parse_ip4(outside),
          net::Be16(outside_port)};
}
StaticBinding whole(const char* inside, const char* outside = kT) {
  return {0, 0, *net::parse_ip6(inside), {}, *net::parse_ip4(outside), {}};
}

Bytes to_pool(uint16_t to, const char* address = kT) {
  return ip4(kZ, address).udp(53, to).payload("hello");
}

// The source of an IPv4 packet.
std::pair<net::Ip4, uint16_t> cell_of(const Bytes& out) {
  return {net::header_at<net::Ip4Header>(out.data())->source,
          static_cast<uint16_t>(out[20] << 8 | out[21])};
}

std::string error_of(const Status& status) {
  return status ? "" : status.error().text;
}

uint64_t used(Harness& harness) {
  uint64_t sum = 0;
  for (unsigned worker = 0; worker < harness.workers(); ++worker) {
    PoolInfo info;
    harness.translator(worker).pool_info({&info, 1});
    sum += info.used_tcp + info.used_udp + info.used_icmp;
  }
  return sum;
}

uint64_t sessions(Harness& harness) {
  uint64_t sum = 0;
  for (unsigned worker = 0; worker < harness.workers(); ++worker) {
    sum += harness.translator(worker).table_info().sessions;
  }
  return sum;
}

uint64_t bindings(Harness& harness) {
  uint64_t sum = 0;
  for (unsigned worker = 0; worker < harness.workers(); ++worker) {
    sum += harness.translator(worker).table_info().bindings;
  }
  return sum;
}

}  // namespace

TEST_CASE("a static whole address and flows without ports: neither takes the other's place") {
  for (auto settings : {test::stateful(), test::one_address()}) {
    settings.instances[0].portless.set(50);
    // One address for all, so that the host is sure to have it.
    settings.instances[0].pools[0].ranges = {{*net::parse_ip4(kT), *net::parse_ip4(kT)}};
    for (const unsigned workers : {1u, 2u, 4u}) {
      INFO(workers << " workers");
      Harness harness(settings, test::path(), workers, 3);
      const auto esp = [](const char* host) {
        return ip6(host, kPZ).raw(50, test::pattern(24)).bytes();
      };
      const auto reply = ip4(kZ, kT).raw(50, test::pattern(24)).bytes();
      CHECK(harness.exchange({esp(kB)}).size() == 1);
      CHECK(error_of(harness.statics().add({whole(kA)})) ==
            "203.0.113.1 has ports lent to inside hosts: end those first (\"clear bindings outside "
            "203.0.113.1\"), or give another address");
      CHECK(harness.exchange({reply}).size() == 1);  // still B's
      harness.advance(302'000);
      CHECK(bindings(harness) == 0);
      for (int round = 0; round < 3; ++round) {
        REQUIRE(error_of(harness.statics().add({whole(kA)})).empty());
        CHECK(harness.exchange({reply, esp(kA)}).size() == 2);
        CHECK(bindings(harness) == 1);
        const auto refused = harness.exchange({esp(kB)});
        REQUIRE(refused.size() == 1);
        CHECK((refused[0][0] >> 4 == 6 && refused[0][40] == 1 && refused[0][41] == 3));
        REQUIRE(harness.statics().remove(whole(kA)));
        CHECK(bindings(harness) == 0);
        CHECK(harness.exchange({reply}).empty());
      }
      CHECK(harness.exchange({esp(kB)}).size() == 1);
    }
  }
}

TEST_CASE("RFC 6146 3.1-d: a static binding comes and goes by command, and leaves nothing behind") {
  for (const auto& settings : {test::stateful(), test::one_address()}) {
    for (const unsigned workers : {1u, 2u, 4u}) {
      INFO(workers << " workers");
      Harness harness(settings, test::path(), workers, 3);
      CHECK(harness.exchange({to_pool(80)}).empty());
      for (int round = 0; round < 3; ++round) {
        REQUIRE(error_of(harness.statics().add({port(kA, 8080, 80)})).empty());
        REQUIRE(error_of(harness.statics().add({port(kB, 8080, 81)})).empty());
        CHECK(harness.exchange({to_pool(80), to_pool(81)}).size() == 2);
        CHECK(harness.exchange({ip6(kA, kPZ).udp(8080, 53)}).size() == 1);
        REQUIRE(harness.statics().remove(port(kA, 8080, 80)));
        // Its session went, too; the other binding is as it was.
        CHECK(harness.exchange({to_pool(80)}).empty());
        CHECK(harness.exchange({to_pool(81)}).size() == 1);
        REQUIRE(harness.statics().remove(port(kB, 8080, 81)));
        CHECK(bindings(harness) == 0);
        CHECK(used(harness) == 0);
      }
    }
  }
}

TEST_CASE("static bindings: an address that comes back is not lent over them") {
  auto settings = test::stateful();
  auto& pool = settings.instances[0].pools[0];
  pool.ranges = {{*net::parse_ip4(kT), *net::parse_ip4(kT)}};
  pool.ports = {2000, 2003};
  Harness harness(settings, test::path(), 1, 3);
  REQUIRE(error_of(harness.statics().add({port(kA, 8080, 2001)})).empty());
  REQUIRE(error_of(harness.statics().add({whole(kB, "203.0.113.9")})) != "");
  auto elsewhere = settings;
  elsewhere.instances[0].pools[0].ranges = {
      {*net::parse_ip4("203.0.113.9"), *net::parse_ip4("203.0.113.9")}};
  REQUIRE(harness.change_pools(elsewhere) == "");
  CHECK(harness.exchange({to_pool(2001)}).empty());
  REQUIRE(harness.change_pools(settings) == "");
  // Three ports for others; the fourth is A's still.
  std::set<Bytes> translated;
  for (uint16_t from = 5000; from < 5006; ++from) {
    for (const auto& out : harness.exchange({ip6(kB, kPZ).udp(from, 53).payload("hello")})) {
      if (out[0] >> 4 == 4) translated.insert({out[20], out[21]});
    }
  }
  CHECK(translated.size() == 3);
  CHECK(translated.count({2001 / 256, 2001 % 256}) == 0);
  const auto in = harness.exchange({to_pool(2001)});
  REQUIRE(in.size() == 1);
  CHECK(in[0] == ip6(kPZ, kA).hop_limit(63).udp(53, 8080).payload("hello").bytes());
}

TEST_CASE("static bindings: what is reserved counts once, however often its address comes back") {
  auto settings = test::stateful();
  settings.instances[0].pools[0].ranges = {{*net::parse_ip4(kT), *net::parse_ip4("203.0.113.8")}};
  auto elsewhere = settings;
  elsewhere.instances[0].pools[0].ranges = {
      {*net::parse_ip4("203.0.113.16"), *net::parse_ip4("203.0.113.23")}};
  // To another pool of the instance and back.
  auto moved = elsewhere;
  moved.instances[0].pools.push_back(settings.instances[0].pools[0]);
  moved.instances[0].pools[1].name = "second";
  const std::array rules = {Allocation::kDynamic, Allocation::kBlocks};
  for (const auto allocation : rules) {
    for (auto* each : {&settings, &elsewhere, &moved}) {
      for (auto& pool : each->instances[0].pools) pool.allocation = allocation;
    }
    for (const unsigned workers : {1u, 4u}) {
      INFO(workers << " workers, allocation " << static_cast<int>(allocation));
      Harness harness(settings, test::path(), workers, 3);
      REQUIRE(error_of(harness.statics().add({port(kA, 8080, 2001)})).empty());
      REQUIRE(error_of(harness.statics().add({whole(kB, "203.0.113.5")})).empty());
      const auto before = used(harness);
      for (const auto* other : {&elsewhere, &moved, &elsewhere}) {
        REQUIRE(harness.change_pools(*other) == "");
        REQUIRE(harness.change_pools(settings) == "");
        CHECK(used(harness) == before);
        CHECK(harness.exchange({to_pool(2001), to_pool(7, "203.0.113.5")}).size() == 2);
      }
      REQUIRE(harness.statics().remove(port(kA, 8080, 2001)));
      REQUIRE(harness.statics().remove(whole(kB, "203.0.113.5")));
      CHECK(used(harness) == 0);
    }
  }
}

TEST_CASE("static bindings: a whole address comes and goes, and leaves nothing behind") {
  for (const auto& settings : {test::stateful(), test::one_address()}) {
    for (const unsigned workers : {1u, 2u, 4u}) {
      INFO(workers << " workers");
      Harness harness(settings, test::path(), workers, 4);
      REQUIRE(error_of(harness.statics().add({whole(kA)})).empty());
      for (const uint16_t to : {uint16_t{1}, uint16_t{1023}, uint16_t{40000}}) {
        const auto out = harness.exchange({to_pool(to)});
        REQUIRE(out.size() == 1);
        CHECK(out[0] == ip6(kPZ, kA).hop_limit(63).udp(53, to).payload("hello").bytes());
      }
      REQUIRE(harness.statics().remove(whole(kA)));
      CHECK(harness.exchange({to_pool(40000)}).empty());
      CHECK(bindings(harness) == 0);
      CHECK(used(harness) == 0);
      // All of it can be lent again.
      CHECK(harness.exchange({ip6(kB, kPZ).udp(5000, 53)})[0][0] >> 4 == 4);
    }
  }
}

TEST_CASE("static bindings: what is in the way is named") {
  for (const unsigned workers : {1u, 4u}) {
    Harness harness(test::stateful(), test::path(), workers, 5);
    auto& statics = harness.statics();
    CHECK(error_of(statics.add({port(kA, 80, 80, "192.0.2.1")})) ==
          "192.0.2.1 is in no pool: give an address of one");
    REQUIRE(statics.add({port(kA, 8080, 80)}));
    CHECK(error_of(statics.add({port(kB, 1, 80)})) ==
          "udp 203.0.113.1 port 80 is bound to 2001:db8:a::a already: remove that first, or give "
          "another address or port");
    CHECK(error_of(statics.add({whole(kB)})) ==
          "udp 203.0.113.1 port 80 is bound to 2001:db8:a::a already: remove that first, or give "
          "another address or port");
    CHECK(error_of(statics.add({port(kA, 8080, 81)})) ==
          "2001:db8:a::a has a static binding already, to udp 203.0.113.1 port 80: remove that "
          "first");
    CHECK(error_of(statics.remove(port(kA, 1, 99))) ==
          "udp 203.0.113.1 port 99 has no static binding: \"show bindings static\" lists them");

    // A cell that is lent, and a host whose port is bound dynamically.
    const auto out = harness.exchange({ip6(kB, kPZ).udp(5000, 53)});
    REQUIRE(out.size() == 1);
    const auto [address, lent] = cell_of(out[0]);
    const auto text = net::to_string(address);
    const auto cell = text + " port " + std::to_string(lent);
    CHECK(error_of(statics.add({port(kA, 7, lent, text.c_str())})) ==
          cell + " is lent to 2001:db8:b::b port 5000: end that first (\"clear bindings outside " +
              text + ":" + std::to_string(lent) + "\"), or give another port");
    CHECK(error_of(statics.add({port(kB, 5000, 99)})) ==
          "2001:db8:b::b port 5000 has " + cell +
              " now: end that first (\"clear bindings inside 2001:db8:b::b\")");
    if (text != kT) {
      CHECK(error_of(statics.add({whole("2001:db8:c::c", text.c_str())})) ==
            text + " has ports lent to inside hosts: end those first (\"clear bindings outside " +
                text + "\"), or give another address");
    }
    // None of the refusals left anything behind.
    CHECK(statics.entries().size() == 1);
    CHECK(bindings(harness) == 2);
    CHECK(used(harness) == 1);
    harness.advance(302'000);
    CHECK(statics.add({port(kB, 5000, 99)}));
  }
}

TEST_CASE("RFC 6888 REQ-8: ports that rest are no static binding's, and that is what is said") {
  auto blocks = test::stateful();
  blocks.instances[0].pools[0].allocation = Allocation::kBlocks;
  blocks.instances[0].pools[0].block_release_delay = 90;
  for (const auto& settings : {test::stateful(), blocks}) {
    const bool has_blocks = settings.instances[0].pools[0].allocation == Allocation::kBlocks;
    for (const unsigned workers : {1u, 4u}) {
      INFO(workers << " workers, blocks: " << has_blocks);
      Harness harness(settings, test::path(), workers, 5);
      auto& statics = harness.statics();
      const auto out = harness.exchange({ip6(kB, kPZ).udp(5000, 53)});
      REQUIRE(out.size() == 1);
      const auto [address, lent] = cell_of(out[0]);
      const auto text = net::to_string(address);
      const auto lent_text = text +
                             " has ports lent to inside hosts: end those first (\"clear "
                             "bindings outside " +
                             text + "\"), or give another address";
      CHECK(error_of(statics.add({whole(kA, text.c_str())})) == lent_text);
      harness.advance(302'000);
      REQUIRE(bindings(harness) == 0);
      CHECK(error_of(statics.add({whole(kA, text.c_str())})) ==
            text +
                (has_blocks ? " has port blocks that rest, for at most 90 s more "
                              "(block_release_delay)"
                            : " has ports that rest, for at most 120 s more (hold_down)") +
                ": try again then, or give another address");
      // A block rests as a whole, and its subscriber may have any port of it at any time.
      CHECK(error_of(statics.add({port(kA, 7, lent, text.c_str())})) ==
            (has_blocks ? ""
                        : text + " port " + std::to_string(lent) +
                              " rests, for at most 120 s more (hold_down): try again then, or "
                              "give another port"));
      if (has_blocks) REQUIRE(statics.remove(port(kA, 7, lent, text.c_str())));
      // Some rest, another is lent: that one is what can be ended.
      const auto again = harness.exchange({ip6(kB, kPZ).udp(5001, 53)});
      REQUIRE(again.size() == 1);
      const auto next = cell_of(again[0]).first;
      if (next == address) CHECK(error_of(statics.add({whole(kA, text.c_str())})) == lent_text);
      CHECK(used(harness) == 1);
      harness.advance(302'000);
      harness.advance(121'000);
      CHECK(error_of(statics.add({whole(kA, text.c_str())})).empty());
      REQUIRE(statics.remove(whole(kA, text.c_str())));
      CHECK(error_of(statics.add({port(kA, 7, lent, text.c_str())})).empty());
    }
  }
}

TEST_CASE("static bindings: a configuration is taken over whole or not at all") {
  Harness harness(test::stateful(), test::path(), 4, 6);
  auto& statics = harness.statics();
  const std::vector<StaticBinding> first{port(kA, 1, 80), port(kB, 1, 81)};
  REQUIRE(statics.configure(first));
  REQUIRE(statics.add({port("2001:db8:c::c", 1, 82)}));
  CHECK(harness.exchange({to_pool(80), to_pool(81), to_pool(82)}).size() == 3);
  // The third clashes with what a command added.
  const std::vector<StaticBinding> bad{port(kA, 1, 83), port(kB, 1, 82)};
  CHECK_FALSE(statics.configure(bad));
  CHECK(statics.entries().size() == 3);
  CHECK(harness.exchange({to_pool(80), to_pool(81), to_pool(82), to_pool(83)}).size() == 3);
  // Now a port that is lent: those that would have gone for it keep their sessions, too.
  const auto out = harness.exchange({ip6(kB, kPZ).udp(5000, 53).payload("hello")});
  REQUIRE(out.size() == 1);
  const net::Ip4 lender = net::header_at<net::Ip4Header>(out[0].data())->source;
  const auto lent = static_cast<uint16_t>(out[0][20] << 8 | out[0][21]);
  const auto before = sessions(harness);
  const std::vector<StaticBinding> late{
      port(kB, 1, 81), port("2001:db8:d::d", 1, lent, net::to_string(lender).c_str())};
  CHECK_FALSE(statics.configure(late));
  CHECK(statics.entries().size() == 3);
  CHECK(sessions(harness) == before);
  const std::vector<StaticBinding> good{port(kA, 1, 83), port(kB, 1, 81)};
  REQUIRE(statics.configure(good));
  CHECK(harness.exchange({to_pool(80), to_pool(81), to_pool(82), to_pool(83)}).size() == 3);
  REQUIRE(statics.configure({}));
  CHECK(statics.entries().size() == 1);  // a command's binding is not the file's
  CHECK(harness.exchange({to_pool(81), to_pool(82), to_pool(83)}).size() == 1);
}

TEST_CASE("static bindings: events say who has what") {
  Harness harness(test::stateful(), test::path(), 1, 7);
  REQUIRE(harness.statics().add({port(kA, 8080, 80)}));
  Event event;
  REQUIRE(harness.translator(0).events().pop(event));
  CHECK(event.kind == EventKind::kStaticAdded);
  CHECK(event.inside == *net::parse_ip6(kA));
  CHECK(event.inside_port == net::Be16(8080));
  CHECK(event.outside == *net::parse_ip4(kT));
  CHECK(event.outside_port == net::Be16(80));
  REQUIRE(harness.statics().remove(port(kA, 8080, 80)));
  REQUIRE(harness.translator(0).events().pop(event));
  CHECK(event.kind == EventKind::kStaticRemoved);
}

TEST_CASE("cell exceptions: set, replaced, cleared, whole addresses behind single ports") {
  steer::CellExceptions exceptions;
  const auto address = *net::parse_ip4(kT);
  CHECK(exceptions.empty());
  for (uint16_t p = 0; p < 5000; ++p) REQUIRE(exceptions.set(address, p, 6, p % 64));
  REQUIRE(exceptions.set(address, 0, 0, 9));
  CHECK(exceptions.find(address, 4999, 6) == 4999 % 64);
  CHECK(exceptions.find(address, 4999, 17) == 9);
  CHECK(exceptions.find(*net::parse_ip4("203.0.113.2"), 1, 6) == steer::CellExceptions::kNone);
  REQUIRE(exceptions.set(address, 7, 6, 63));
  CHECK(exceptions.find(address, 7, 6) == 63);
  for (uint16_t p = 0; p < 5000; ++p) exceptions.clear(address, p, 6);
  CHECK_FALSE(exceptions.has_cells());
  CHECK(exceptions.find(address, 7, 6) == 9);
  exceptions.clear(address, 0, 0);
  CHECK(exceptions.empty());
  // Places that were cleared are used again, without end.
  for (unsigned round = 0; round < 20; ++round) {
    for (uint16_t p = 0; p < 1000; ++p) {
      REQUIRE(exceptions.set(address, static_cast<uint16_t>(round * 1000 + p), 6, 1));
    }
    for (uint16_t p = 0; p < 1000; ++p) {
      exceptions.clear(address, static_cast<uint16_t>(round * 1000 + p), 6);
    }
  }
  CHECK(exceptions.empty());
  CHECK(exceptions.find(address, 1, 6) == steer::CellExceptions::kNone);
}

}  // namespace isthmus::nat::statics_test
