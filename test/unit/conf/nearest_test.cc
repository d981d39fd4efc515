// SPDX-License-Identifier: BSD-3-Clause
#include "conf/nearest.h"

#include <string_view>
#include <vector>

#include "catch.h"

namespace isthmus::conf::nearest_test {

TEST_CASE("letters added, left out, replaced and swapped are counted") {
  CHECK(edit_distance("", "mtu") == 3);
  CHECK(edit_distance("mtu", "mtu") == 0);
  CHECK(edit_distance("mtus", "mtu") == 1);
  CHECK(edit_distance("mut", "mtu") == 1);
  CHECK(edit_distance("sesions", "sessions") == 1);
  CHECK(edit_distance("foo", "log") == 2);
}

TEST_CASE("a word is meant if at least half of its letters are there") {
  const std::vector<std::string_view> words{"log", "mtu", "nat64", "prefixes"};
  CHECK(nearest("mut", words) == "mtu");
  CHECK(nearest("lgo", words) == "log");
  CHECK(nearest("nat", words) == "nat64");
  CHECK(nearest("prefix", words) == "prefixes");
  CHECK(nearest("foo", words).empty());
  CHECK(nearest("x", words).empty());
  CHECK(nearest("", words).empty());
}

}  // namespace isthmus::conf::nearest_test
