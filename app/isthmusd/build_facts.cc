// SPDX-License-Identifier: BSD-3-Clause
#include "build_facts.h"

#include "commit.h"
#include "dataplane/version.h"

namespace isthmus::app {

std::vector<std::pair<std::string, std::string>> build_facts() {
#ifdef __clang__
  const std::string compiler = __VERSION__;
#else
  const std::string compiler = "g++ " __VERSION__;
#endif
  return {
      {"version", ISTHMUS_VERSION},  {"commit", ISTHMUS_COMMIT},
      {"compiler", compiler},        {"build", ISTHMUS_BUILD_TYPE},
      {"cpu-baseline", ISTHMUS_CPU}, {"dpdk", dataplane::dpdk_version()},
  };
}

}  // namespace isthmus::app
