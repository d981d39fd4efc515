// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

namespace isthmus::dataplane {

/// Version of the DPDK library in use, which may be newer than the headers compiled against.
std::string dpdk_version();

}  // namespace isthmus::dataplane
