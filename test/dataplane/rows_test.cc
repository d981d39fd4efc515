// SPDX-License-Identifier: BSD-3-Clause
// Every fixture row again, through the real pipeline, delivered to every queue: neither the bytes
// nor the counters may depend on it. ROWS=TEXT in the environment: those with TEXT in their name.
#include <cstdlib>

#include "catch.h"
#include "dataplane/row_rig.h"

namespace isthmus::test {

TEST_CASE("rows: the whole pipeline, whatever the workers and the receiving queue") {
  const char* only = std::getenv("ROWS");
  for (const auto& row : all_rows()) {
    if (only != nullptr && row.name.find(only) == std::string::npos) continue;
    for (const unsigned workers : {1u, 2u, 4u}) {
      for (unsigned queue = 0; queue < workers; ++queue) {
        RowRig rig(row.settings, row.path, workers, queue, 1);
        Script script(rig);
        row.script(script);
        const auto failures = script.finish();
        INFO(row.name << "\n" << workers << " workers, queue " << queue << "\n" << failures);
        CHECK(failures.empty());
      }
    }
  }
}

}  // namespace isthmus::test
