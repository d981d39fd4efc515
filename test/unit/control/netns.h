// SPDX-License-Identifier: BSD-3-Clause
// A network namespace of its own for a test program. Include it in one source file of the program.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace isthmus::test {

/// Leaves the host's network before main() starts, so that no test can touch it. Without the right
/// to do so the program ends as skipped (meson's exit code 77).
inline const bool kInOwnNamespace = [] {
  const int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  if (tun < 0 || unshare(CLONE_NEWNET) != 0) {
    std::fputs("skipped: needs root and /dev/net/tun\n", stderr);
    _exit(77);
  }
  close(tun);
  return true;
}();

}  // namespace isthmus::test
