// SPDX-License-Identifier: BSD-3-Clause
// Runs commands and shows their answers; what one-shot, pipe and shell have in common.
#pragma once

#include <cstdio>
#include <nlohmann/json.hpp>
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
  /// As run(), but the answer, or what is wrong, goes behind `out`.
  ExitCode capture(std::string_view line, std::string& out);
  /// The first object of a command's answer; null if it answers with an error. Error: no daemon.
  Result<nlohmann::ordered_json> ask(std::string_view line);
  /// Words that can follow; asks the daemon, or the table if there is none.
  std::vector<std::string> complete(std::string_view partial);
  /// Where answers go from now on: a pager, or again standard output.
  void print_to(std::FILE* stream) {
    stream_ = stream;
    has_reader_ = true;
  }
  bool is_json() const { return json_; }
  /// False when standard output is gone: nothing more needs to be done.
  bool has_reader() const { return has_reader_; }

 private:
  ExitCode run_health(std::string_view line, std::string_view where);
  bool run_locally(std::string_view line);
  ExitCode run_remotely(std::string_view line, std::string_view where);
  void print(std::string_view text);
  void complain(const std::string& text);
  void flush();
  void lose_reader();

  Connection connection_;
  bool json_;
  std::FILE* stream_ = stdout;
  std::string* capture_ = nullptr;  ///< instead of the stream
  bool has_reader_ = true;
  bool lost_output_ = false;  ///< a full disk, not a reader that left
};

/// A line for each of `words`, which can follow `partial`, with what the table says of it.
std::string hints(std::string_view partial, const std::vector<std::string>& words,
                  std::size_t line_width = 0);

/// `words` side by side, as many a line as fit.
std::string in_columns(const std::vector<std::string>& words, std::size_t line_width);

/// The table's text about the command that `line` names, or about all of them.
std::string help_text(std::string_view line);

}  // namespace isthmus::ctl
