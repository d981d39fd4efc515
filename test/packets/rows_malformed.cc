// SPDX-License-Identifier: BSD-3-Clause
#include "packets/rows.h"

namespace isthmus::test {

std::vector<Row> malformed_rows() {
  return {};
}

}  // namespace isthmus::test
