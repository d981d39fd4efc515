// SPDX-License-Identifier: BSD-3-Clause
// Classifier::usual() may be ignorant, but never wrong.
#include "nat/classifier.h"

#include <algorithm>
#include <array>
#include <random>

#include "catch.h"

using namespace isthmus;
using nat::Class;
using nat::Classifier;

namespace {

net::Prefix6052 prefix(const char* text) {
  return *net::Prefix6052::make(*net::parse_ip6_prefix(text));
}

net::Ip4 random_ip4(std::mt19937& random) {
  // Few first octets, so that ranges lie in each other's way.
  constexpr uint32_t kFirst[] = {10, 100, 203, 224, 240};
  return net::Ip4::from_host(kFirst[random() % 5] << 24 | (random() % 4) << 12 | random() % 64);
}

net::Ip4Prefix random_prefix4(std::mt19937& random) {
  net::Ip4Prefix out{random_ip4(random), static_cast<uint8_t>(8 + random() % 25)};
  out.address = net::Ip4::from_host(out.address.host() & out.mask());
  return out;
}

nat::Settings random_settings(std::mt19937& random) {
  constexpr std::array<const char*, 5> kPrefixes{"64:ff9b::/96", "2001:db8:64::/96",
                                                 "2001:db8:65::/64", "2001:db8:64::/48",
                                                 "2001:db8:66::/96"};
  nat::Settings out;
  if (random() % 4 != 0) {
    nat::Instance instance;
    instance.prefixes = {prefix(kPrefixes[random() % 3])};
    if (random() % 4 == 0) instance.sources = {*net::parse_ip6_prefix("2001:db8:1::/48")};
    const uint32_t first = random_ip4(random).host(), size = random() % 32;
    nat::Pool pool;
    pool.ranges = {{net::Ip4::from_host(first), net::Ip4::from_host(first + size)}};
    if (random() % 2 == 0) {
      const auto other = net::Ip4::from_host(first + 40);
      pool.ranges.push_back({other, other});
    }
    instance.pools = {pool};
    out.instances.push_back(instance);
  }
  for (unsigned n = random() % 3; n != 0; --n) {
    xlat::Siit siit;
    siit.prefix = prefix(kPrefixes[2 + random() % 3]);
    for (unsigned ranges = random() % 3; ranges != 0; --ranges) {
      siit.inside4.push_back(random_prefix4(random));
    }
    if (random() % 4 == 0) {
      const net::Eam eam{*net::parse_ip6_prefix("2001:db8:66::/64"), random_prefix4(random)};
      siit.eam = xlat::EamTable::make(std::span(&eam, 1));
      siit.eam_in_prefix = random() % 2 == 0;
    }
    out.stateless.push_back(siit);
  }
  return out;
}

}  // namespace

TEST_CASE("classifier: what is usual is what it is said to be") {
  std::mt19937 random(11);
  unsigned known4 = 0, known6 = 0, hosts = 0;
  const auto sender = *net::parse_ip6("2001:db8:9::1");
  for (unsigned i = 0; i < 3000; ++i) {
    const nat::Settings settings = random_settings(random);
    const Classifier classifier(settings);
    const Classifier::Usual usual = classifier.usual();
    for (unsigned n = 0; n < 40; ++n) {
      net::Ip4 four = random_ip4(random);
      if (n < 2 && !settings.instances.empty()) {
        four = settings.instances[0].pools[0].ranges.back().first;
      }
      const Class cls4 = classifier.classify4(four);
      if (usual.holds(four)) {
        ++known4;
        REQUIRE(cls4.kind == Class::kStateful);
      } else if (usual.hosts.holds(four)) {
        ++hosts;
        REQUIRE(cls4.kind == Class::kStateless);
        REQUIRE(cls4.instance == usual.hosts.instance);
        REQUIRE(four.host() < 0xe0000000);
      }
      for (const auto& instance : settings.instances) {
        const net::Ip6 six = instance.prefixes[0].embed(four);
        if (!usual.holds(six)) continue;
        ++known6;
        const Class cls6 = classifier.classify6(six, sender);
        REQUIRE(cls6.kind == Class::kStateful);
        REQUIRE(cls6.prefix == usual.prefix);
      }
      for (const auto& siit : settings.stateless) {
        const net::Ip6 six = siit.prefix.embed(four);
        if (usual.holds(six) || !usual.stateless.holds(six)) continue;
        ++known6;
        const Class cls6 = classifier.classify6(six, sender);
        REQUIRE(cls6.kind == Class::kStateless);
        REQUIRE(cls6.instance == usual.stateless.instance);
      }
    }
  }
  CHECK(known4 > 500);
  CHECK(known6 > 500);
  CHECK(hosts > 500);
}
