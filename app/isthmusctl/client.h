// SPDX-License-Identifier: BSD-3-Clause
// Runs commands and shows their answers; what one-shot, pipe and shell have in common.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "connection.h"

namespace isthmus::ctl {

enum ExitCode : int { kOk = 0, kFailed = 1, kUsage = 2, kNoConnection = 3 };

class Client {
 public:
  Client(std::string socket, bool json) : connection_(std::move(socket)), json_(json) {}

  /// `where` precedes error messages: "line 3: ".
  ExitCode run(std::string_view line, std::string_view where = {});
  /// One command a line. The exit code is that of the first that failed.
  ExitCode run_stream(std::FILE* in);
  /// Words that can follow; asks the daemon, or the table if there is none.
  std::vector<std::string> complete(std::string_view partial);
  /// False when standard output is gone: nothing more needs to be done.
  bool has_reader() const { return has_reader_; }

 private:
  bool run_locally(std::string_view line);
  void print(std::string_view text);
  void flush();
  void lose_reader();

  Connection connection_;
  bool json_;
  bool has_reader_ = true;
  bool lost_output_ = false;  ///< a full disk, not a reader that left
};

/// The table's text about the command that `line` names, or about all of them.
std::string help_text(std::string_view line);

}  // namespace isthmus::ctl
