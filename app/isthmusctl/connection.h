// SPDX-License-Identifier: BSD-3-Clause
// The client's end of the command socket.
#pragma once

#include <csignal>
#include <ctime>
#include <functional>
#include <string>
#include <string_view>

#include "net/result.h"

namespace isthmus::ctl {

/// Set by the shell's handler of SIGINT: the answer being read is not wanted any more.
inline volatile std::sig_atomic_t interrupted = 0;

/// How an answer ended.
struct Outcome {
  bool ok = false;
  std::string error;
  std::string hint;
  std::string status_line;  ///< as it came
};

class Connection {
 public:
  explicit Connection(std::string socket) : socket_(std::move(socket)) {}
  ~Connection() { close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Connects if that is not done, and checks that the daemon speaks our protocol. The error says
  /// what to do next.
  Status open();
  void close();
  /// How long to wait for an answer, of connections opened from now on.
  void give_up_after(time_t seconds) { patience_ = hangs_ = seconds; }

  /// Sends `command` and passes each line of its answer to `on_line`, without the newline and
  /// without the final status. An Error means that the connection is gone.
  Result<Outcome> run(std::string_view command,
                      const std::function<void(std::string_view)>& on_line);

 private:
  Status greet();
  Status send_line(std::string_view line);
  Result<std::string> read_line();

  std::string socket_;
  std::string buffer_;
  std::size_t scanned_ = 0;  ///< of buffer_, known to hold no newline
  int fd_ = -1;
  // The daemon answers within milliseconds; a reload of a hundred thousand mappings takes it
  // seconds, on a busy machine a minute. So who waits is told after patience_, and given up on
  // after hangs_.
  time_t patience_ = 30;
  time_t hangs_ = 300;
};

}  // namespace isthmus::ctl
