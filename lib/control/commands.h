// SPDX-License-Identifier: BSD-3-Clause
// Carries out commands.
//
// Theory of operation. run() takes a line and returns an Answer. Short answers are whole at once.
// Walks through workers' tables come as steps: the server calls step() whenever the client can take
// more, each call asks one worker one bounded question and appends at most a few dozen kilobytes.
// So a dump of any length costs a client's buffer and a question at a time, and other work of the
// control core goes on between steps. A table that changes during its walk may show an entry twice
// or not at all, as any live listing.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/backend.h"
#include "control/command_table.h"
#include "control/session.h"
#include "control/state_walk.h"
#include "telemetry/counters.h"

namespace isthmus::control {

class CaptureDesk;
class Heartbeat;

/// What one step did: more to come, done, or failed (the error then ends the answer).
struct Step {
  bool more = false;
  std::optional<Complaint> complaint;
};

struct Answer {
  std::string text;                            ///< whole JSON lines
  std::function<Step(std::string& out)> step;  ///< empty when `text` is all
  std::optional<Complaint> complaint;
};

class Commands {
 public:
  /// Both must outlive this object.
  Commands(Backend& backend, StateWalk& walk);
  ~Commands();

  Answer run(const Request& request, Session& session);
  /// Of a client that says nothing else.
  Answer run(const Request& request) {
    Session session;
    return run(request, session);
  }

  /// To be called about every second.
  void tick();

  /// The first line a client gets.
  std::string greeting() const;

 private:
  Answer run_change(const Request& request, Session& session);
  Answer show_counters(const Request& request) const;
  Answer show_drops(const Request& request) const;
  Answer show_top_drops(const Request& request) const;
  Answer look_at_health(const Request& request);
  telemetry::Counters total() const;

  Backend& backend_;
  StateWalk& walk_;
  telemetry::Counters baseline_;
  std::unique_ptr<CaptureDesk> captures_;
  std::unique_ptr<Heartbeat> heartbeat_;
};

/// The line that ends an answer.
std::string status_line(const std::optional<Complaint>& complaint);

}  // namespace isthmus::control
