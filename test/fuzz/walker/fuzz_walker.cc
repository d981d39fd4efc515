// SPDX-License-Identifier: BSD-3-Clause
// Fuzzes the wire walker and the builder against ldns: what the walker takes, both must read alike.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "scenario/second_opinion.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto opinion = isthmus::test::second_opinion({data, data + size});
  if (!opinion.difference.empty()) {
    std::fprintf(stderr, "%s\n", opinion.difference.c_str());
    std::abort();
  }
  return 0;
}
