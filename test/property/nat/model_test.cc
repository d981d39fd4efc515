// SPDX-License-Identifier: BSD-3-Clause
// Random sequences of packets, time steps, clears and reloads against the reference, with one, two
// and four workers. ISTHMUS_SEED replays a run, ISTHMUS_SEQUENCES makes it longer; a sequence that
// fails is made shorter and printed.
#include <cstdio>
#include <cstdlib>

#include "catch.h"
#include "property/nat/player.h"
#include "property/seed.h"

namespace isthmus::test {
namespace {

constexpr std::size_t kLength = 40;

unsigned sequences() {
  const char* text = std::getenv("ISTHMUS_SEQUENCES");
  return text != nullptr ? static_cast<unsigned>(std::strtoul(text, nullptr, 0)) : 2000;
}

Setup setup_of(std::mt19937_64& random) {
  Setup setup;
  setup.workers = 1u << random() % 3;
  setup.filtering = random() % 2 == 0;
  setup.one_address = random() % 2 == 0;
  setup.small = random() % 4 == 0;
  setup.seed = random();
  return setup;
}

std::string describe(const Setup& setup) {
  return std::to_string(setup.workers) + " workers" + (setup.filtering ? ", filtering" : "") +
         (setup.one_address ? ", one address" : "") + (setup.small ? ", small tables" : "") +
         ", seed " + std::to_string(setup.seed);
}

}  // namespace

TEST_CASE("RFC 6146 3.5: random sequences do what the reference says") {
  const Seed seed;
  std::mt19937_64 random(seed.value);
  for (unsigned i = 0; i < sequences(); ++i) {
    const Setup setup = setup_of(random);
    const Sequence sequence = random_sequence(random, kLength);
    const auto wrong = play(setup, sequence);
    if (wrong.empty()) continue;
    const Sequence shortest = shrink(setup, sequence);
    std::string text;
    for (const auto& operation : shortest) text += "  " + describe(operation) + "\n";
    FAIL("sequence " << i << " of ISTHMUS_SEED=" << seed.value << " (" << describe(setup) << "):\n"
                     << wrong << "\nshortened:\n"
                     << text << play(setup, shortest));
  }
}

}  // namespace isthmus::test
