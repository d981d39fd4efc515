// SPDX-License-Identifier: BSD-3-Clause
// Log lines about workers' events.
//
// Theory of operation. Refusals (an exhausted pool, full tables, limits) are what an operator has
// to know of and what an attacker can cause at any rate. So one line of a kind is written in ten
// seconds; it is about the event at hand and says how many refusals went unlogged since the last
// one: those that workers counted into an event, and the events held back here. Events of single
// sessions, bindings and port blocks are for exporters, not for the log.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>

#include "conf/config.h"
#include "control/log.h"
#include "dataplane/dataplane.h"

namespace isthmus::control {

class EventLog {
 public:
  using Write = std::function<void(LogLevel level, const std::string& text)>;

  /// `write` is log_text() but in tests.
  explicit EventLog(Write write = [](LogLevel level, const std::string& text) {
    log_text(level, text);
  });

  /// `config` names instances and pools.
  void handle(const dataplane::TimedEvent& timed, const conf::Config& config, double now_s);

 private:
  struct Kind {
    double next_s = 0;
    uint64_t suppressed = 0;
  };
  void refusal(const nat::Event& event, const conf::Config& config, double now_s);

  Write write_;
  std::array<Kind, nat::kEventKinds> kinds_{};
};

/// An event in words: "pool-exhausted: nat64 \"internet\", udp, inside 2001:db8::1 port 5000 ...".
std::string event_text(const nat::Event& event, const conf::Config& config);

}  // namespace isthmus::control
