// SPDX-License-Identifier: BSD-3-Clause
// Log lines on stderr, one per call: level and text, with the `<N>` priority prefix that systemd's
// journal understands when the journal reads stderr.
//
// Theory of operation. Control thread and DNS cores; workers never log. Whatever a sender on the
// network can trigger goes through a LogLimiter, so that nobody fills a disk from outside.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "conf/config.h"

namespace isthmus::control {

using conf::LogLevel;

void set_log_level(LogLevel level);
/// As set_log_level(), and later calls of that change nothing: the command line beats the file.
void pin_log_level(LogLevel level);
LogLevel log_level();
/// Whether lines carry the journal's priority prefix; from $JOURNAL_STREAM by default.
void set_log_journal(bool on);

/// The line as it is written, without the newline.
std::string log_line(LogLevel level, std::string_view text, bool journal);
/// Writes the line if `level` is enabled.
void log_text(LogLevel level, std::string_view text);

template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log_text(LogLevel::kError, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_text(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_text(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  if (log_level() < LogLevel::kDebug) return;
  log_text(LogLevel::kDebug, fmt::format(format, std::forward<Args>(args)...));
}

/// Lets one message per interval through and counts the rest.
class LogLimiter {
 public:
  explicit LogLimiter(double interval_s = 10) : interval_s_(interval_s) {}
  /// How many messages were held back since the last one, or nullopt: hold this one back too.
  std::optional<uint64_t> admit(double now_s);
  /// The message, if admitted now, with the count of those held back.
  void log(LogLevel level, std::string_view text);

 private:
  double interval_s_;
  double next_s_ = 0;
  uint64_t held_back_ = 0;
};

/// Seconds of a clock that only goes forward.
double monotonic_seconds();

}  // namespace isthmus::control
