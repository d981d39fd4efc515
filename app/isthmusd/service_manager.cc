// SPDX-License-Identifier: BSD-3-Clause
#include "service_manager.h"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <cstdint>
#include <ctime>

namespace isthmus::app {

ServiceManager::ServiceManager(struct ev_loop* loop) : loop_(loop) {
  uint64_t interval_us = 0;
  if (sd_watchdog_enabled(0, &interval_us) <= 0) return;
  // Twice per interval, as sd_watchdog_enabled(3) recommends.
  const double period = static_cast<double>(interval_us) / 2e6;
  ev_timer_init(
      &watchdog_, [](struct ev_loop*, ev_timer*, int) { sd_notify(0, "WATCHDOG=1"); }, period,
      period);
  ev_timer_start(loop_, &watchdog_);
}

ServiceManager::~ServiceManager() {
  ev_timer_stop(loop_, &watchdog_);
}

void ServiceManager::ready(const std::string& status) {
  sd_notify(0, fmt::format("READY=1\nSTATUS={}", status).c_str());
}

void ServiceManager::reloading() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  sd_notify(0,
            fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec * 1000000 + now.tv_nsec / 1000)
                .c_str());
}

void ServiceManager::stopping() {
  sd_notify(0, "STOPPING=1");
}

}  // namespace isthmus::app
