// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/route_cuts.h"

#include <random>
#include <set>
#include <utility>

#include "catch.h"

using namespace isthmus;
using dataplane::RouteCuts;
using Stretch = net::Stretch<uint64_t>;
using Route = std::pair<uint64_t, unsigned>;  // upper half, length

namespace {

bool covers(const Route& route, uint64_t high) {
  const unsigned bits = std::min(route.second, 64u);
  return bits == 0 || (high ^ route.first) >> (64 - bits) == 0;
}

/// All routes that cover it: what they say is the same wherever this is.
std::set<Route> of(const std::set<Route>& routes, uint64_t high) {
  std::set<Route> out;
  for (const Route& route : routes) {
    if (covers(route, high)) out.insert(route);
  }
  return out;
}

}  // namespace

TEST_CASE("route cuts: without routes nothing is told apart") {
  const RouteCuts cuts;
  CHECK(cuts.around(7) == Stretch{0, ~uint64_t{0}});
  CHECK(cuts.around(~uint64_t{0}) == Stretch{0, ~uint64_t{0}});
}

TEST_CASE("route cuts: a route, what lies around it, and one within") {
  constexpr uint64_t kRoute = 0x20010db800010000;  // 2001:db8:1::/48
  RouteCuts cuts;
  cuts.add(kRoute, 48);
  CHECK(cuts.around(kRoute + 5) == Stretch{kRoute, 0x10000});
  CHECK(cuts.around(kRoute - 1) == Stretch{0, kRoute});
  CHECK(cuts.around(kRoute + 0x10000).first == kRoute + 0x10000);
  cuts.add(kRoute + 7, 128);
  CHECK(cuts.around(kRoute + 7).empty());
  CHECK(cuts.around(kRoute + 6) == Stretch{kRoute, 7});
  CHECK(cuts.around(kRoute + 8) == Stretch{kRoute + 8, 0x10000 - 8});
  cuts.remove(kRoute + 7, 128);
  // Bits beyond its length do not count.
  cuts.add(kRoute + 0xff, 56);
  CHECK(cuts.around(kRoute + 1) == Stretch{kRoute, 0x100});
  cuts.remove(kRoute, 56);
  CHECK(cuts.around(kRoute + 7) == Stretch{kRoute, 0x10000});
}

TEST_CASE("route cuts: what is in a stretch is covered by the same routes") {
  std::mt19937_64 random(7);
  std::set<Route> routes;
  RouteCuts cuts;
  const auto word = [&] { return random() % 4 << 62 | random() % 8 << 32 | random() % 4; };
  for (unsigned step = 0; step < 4000; ++step) {
    const auto length = static_cast<unsigned>(random() % 70);
    const uint64_t high = length == 0 ? 0 : word() & ~uint64_t{0} << (64 - std::min(length, 64u));
    if (const Route route{high, length}; routes.insert(route).second) {
      cuts.add(high, length);
    } else {
      routes.erase(route);
      cuts.remove(high, length);
    }
    const uint64_t at = word();
    const Stretch stretch = cuts.around(at);
    if (stretch.empty()) continue;
    REQUIRE((stretch.holds(at) || at == ~uint64_t{0}));
    const auto expected = of(routes, at);
    for (const uint64_t other : {stretch.first, stretch.first + (stretch.count - 1),
                                 stretch.first + random() % stretch.count}) {
      REQUIRE(of(routes, other) == expected);
    }
    for (const Route& route : expected) REQUIRE(route.second <= 64);
  }
}
