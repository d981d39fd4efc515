// SPDX-License-Identifier: BSD-3-Clause
// What systemd wants to be told: ready, reloading, stopping, and alive (watchdog). Does nothing
// without systemd.
#pragma once

#include <ev.h>

#include <string>

namespace isthmus::app {

class ServiceManager {
 public:
  explicit ServiceManager(struct ev_loop* loop);
  ~ServiceManager();
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  void ready(const std::string& status);
  void reloading();
  void stopping();

 private:
  struct ev_loop* loop_;
  ev_timer watchdog_{};
};

}  // namespace isthmus::app
