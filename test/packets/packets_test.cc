// SPDX-License-Identifier: BSD-3-Clause
// Runs every row with one, two and four workers.
#include "catch.h"
#include "packets/harness.h"

namespace isthmus::test {

TEST_CASE("packets: every row, whatever the number of workers") {
  for (const auto& row : all_rows()) {
    for (const unsigned workers : {1u, 2u, 4u}) {
      for (const uint64_t seed : {1u, 2u}) {
        Harness harness(row.settings, row.path, workers, seed);
        Script script(harness);
        row.script(script);
        const auto failures = script.finish();
        INFO(row.name << "\n" << workers << " workers, seed " << seed << "\n" << failures);
        CHECK(failures.empty());
      }
    }
  }
}

}  // namespace isthmus::test
