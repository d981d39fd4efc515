// SPDX-License-Identifier: BSD-3-Clause
// Apart from the rows, so that Catch2 itself is compiled without sanitizers: a quarter of the time.
#define CATCH_CONFIG_RUNNER
#include "catch.h"
#include "packets/packets_test.h"

// Not from a static initializer: rows may use statics of their own files.
int main(int argc, char* argv[]) {
  isthmus::test::enter_rows();
  return Catch::Session().run(argc, argv);
}
