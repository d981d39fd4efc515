// SPDX-License-Identifier: BSD-3-Clause
// Makes each row a test case of its own, so that it can be listed, run by its name and named in
// doc/rfc; and runs it with one, two and four workers.
#include "packets/packets_test.h"

#include "catch.h"
#include "packets/harness.h"

namespace isthmus::test {
namespace {

void run(const Row& row) {
  for (const unsigned workers : {1u, 2u, 4u}) {
    for (const uint64_t seed : {1u, 2u}) {
      Harness harness(row.settings, row.path, workers, seed);
      Script script(harness);
      row.script(script);
      const auto failures = script.finish();
      INFO(workers << " workers, seed " << seed << "\n" << failures);
      CHECK(failures.empty());
    }
  }
}

class RowTest : public Catch::ITestInvoker {
 public:
  explicit RowTest(Row row) : row_(std::move(row)) {}
  void invoke() const override { run(row_); }

 private:
  Row row_;
};

void enter(Row row) {
  const auto name = row.name;
#if __has_include(<catch2/catch_all.hpp>)
  Catch::AutoReg(Catch::Detail::make_unique<RowTest>(std::move(row)), CATCH_INTERNAL_LINEINFO, {},
                 {name, "[row]"});
#else
  Catch::AutoReg(new RowTest(std::move(row)), CATCH_INTERNAL_LINEINFO, {}, {name, "[row]"});
#endif
}

}  // namespace

void enter_rows() {
  for (auto& row : all_rows()) enter(std::move(row));
}

}  // namespace isthmus::test
