// SPDX-License-Identifier: BSD-3-Clause
// Between the main program and what it runs.
#pragma once

namespace isthmus::test {

/// Makes a test case of each row.
void enter_rows();

}  // namespace isthmus::test
