// SPDX-License-Identifier: BSD-3-Clause
// The wire walker and the builder against ldns, on the fuzz corpus and on random mutations of it.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "catch.h"
#include "scenario/second_opinion.h"

namespace isthmus::differential_test {
using Wire = std::vector<uint8_t>;

namespace {

std::vector<Wire> corpus() {
  std::vector<Wire> out;
  for (const auto& entry : std::filesystem::directory_iterator(ISTHMUS_DNS_MESSAGES)) {
    std::ifstream file(entry.path(), std::ios::binary);
    out.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return out;
}

/// True if the message was good enough to be compared.
bool compare(const Wire& wire) {
  const auto opinion = test::second_opinion(wire);
  CHECK(opinion.difference == "");
  return opinion.compared;
}

}  // namespace

TEST_CASE("the walker and ldns read the corpus alike, and the builder's copies too") {
  unsigned compared = 0;
  for (const Wire& wire : corpus()) compared += compare(wire);
  CHECK(compared >= 10);
}

TEST_CASE("property: mutated messages are read alike or refused") {
  // ISTHMUS_SEED replays a failure.
  const char* given = std::getenv("ISTHMUS_SEED");
  const unsigned seed = given ? static_cast<unsigned>(std::stoul(given))
                              : static_cast<unsigned>(std::random_device()());
  CAPTURE(seed);
  std::mt19937 random(seed);
  const std::vector<Wire> originals = corpus();
  REQUIRE_FALSE(originals.empty());
  unsigned compared = 0;
  for (int round = 0; round < 4000; ++round) {
    Wire wire = originals[random() % originals.size()];
    const unsigned changes = 1 + random() % 3;
    for (unsigned i = 0; i < changes && wire.size() > 12; ++i) {
      wire[12 + random() % (wire.size() - 12)] = static_cast<uint8_t>(random());
    }
    std::string hex;
    for (const uint8_t octet : wire)
      hex += "0123456789abcdef"[octet >> 4], hex += "0123456789abcdef"[octet & 15];
    CAPTURE(hex);
    compared += compare(wire);
  }
  CHECK(compared > 100);
}

}  // namespace isthmus::differential_test
