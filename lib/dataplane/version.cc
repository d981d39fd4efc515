// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/version.h"

#include <rte_version.h>

namespace isthmus::dataplane {

std::string dpdk_version() {
  return rte_version();
}

}  // namespace isthmus::dataplane
