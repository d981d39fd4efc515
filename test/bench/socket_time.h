// SPDX-License-Identifier: BSD-3-Clause
// What a thread's CPU spends inside the kernel for sockets.
//
// Theory of operation. The program defines the socket calls of the DNS64 service itself, in place
// of the C library's (shared libraries, libev among them, are bound to these too): each reads the
// thread's CPU clock, enters the kernel, reads the clock again. That clock stands still while
// another thread has the CPU, and unlike the kernel's split of user and system time it is exact,
// not sampled. Of two readings one falls inside the span; the other is `clock_seconds()`.
#pragma once

#include <cstdint>

namespace isthmus::bench {

struct SocketTime {
  double seconds = 0;
  uint64_t calls = 0;
};

double thread_seconds();
/// Of the calling thread, since it started.
SocketTime socket_time();
/// What one reading of the clock takes: half of what measuring a call adds.
double clock_seconds();

}  // namespace isthmus::bench
