// SPDX-License-Identifier: BSD-3-Clause
// The seed of a random test: from the environment variable ISTHMUS_SEED, or fresh. It is printed
// when the test starts, so that a failure can be run again.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace isthmus::test {

struct Seed {
  uint64_t value;

  Seed() {
    const char* text = std::getenv("ISTHMUS_SEED");
    value = text != nullptr ? std::strtoull(text, nullptr, 0) : std::random_device{}();
    std::printf("ISTHMUS_SEED=%llu\n", static_cast<unsigned long long>(value));
  }
};

}  // namespace isthmus::test
