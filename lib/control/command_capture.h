// SPDX-License-Identifier: BSD-3-Clause
// Captures and traces, for isthmusctl, which writes them to files or puts them into words: started,
// read again and again, stopped.
//
// Theory of operation. One at a time. Each read gives what has come since, bounded; a capture that
// nobody reads for kPatience is over, whatever became of who started it.
#pragma once

#include <chrono>
#include <memory>

#include "control/commands.h"
#include "dataplane/capture.h"

namespace isthmus::control {

class CaptureDesk {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kPatience{10};

  /// Request::rest: "start drops|punts|port NAME [filter EXPRESSION]", "read" or "stop".
  Answer run(Backend& backend, const Request& request, Clock::time_point now);
  /// The same: "start [filter EXPRESSION]", "read" or "stop".
  Answer run_trace(Backend& backend, const Request& request, Clock::time_point now);
  /// Ends a capture that is not read.
  void sweep(Clock::time_point now);

 private:
  Answer start(Backend& backend, std::string_view wish, Clock::time_point now);
  Answer begin(Backend& backend, const dataplane::CaptureOptions& options, const std::string& what,
               Clock::time_point now);
  Answer read(Backend& backend, Clock::time_point now);
  Answer stop();

  std::unique_ptr<dataplane::Capture> capture_;
  Clock::time_point last_read_;
};

}  // namespace isthmus::control
