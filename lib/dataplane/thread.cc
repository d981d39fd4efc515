// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/thread.h"

#include <fmt/format.h>
#include <pthread.h>
#include <rte_lcore.h>
#include <signal.h>

namespace isthmus::dataplane {

bool pin_thread(unsigned cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (cpu < CPU_SETSIZE) CPU_SET(cpu, &cpus);
  return pthread_setaffinity_np(pthread_self(), sizeof cpus, &cpus) == 0;
}

Status prepare_thread(const std::string& name, unsigned cpu, const std::string& option) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  pthread_setname_np(pthread_self(), name.c_str());
  if (!pin_thread(cpu)) {
    return Error{fmt::format("{}: CPU {} does not exist or may not be used", option, cpu)};
  }
  if (rte_thread_register() != 0) {
    return Error{fmt::format("{}: DPDK has no place for another thread", name)};
  }
  return Ok{};
}

}  // namespace isthmus::dataplane
