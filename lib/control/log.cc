// SPDX-License-Identifier: BSD-3-Clause
#include "control/log.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <ctime>
#include <string>

namespace isthmus::control {
namespace {

std::atomic<LogLevel> current_level{LogLevel::kInfo};
bool level_is_pinned = false;
// systemd sets the variable exactly when stderr is connected to the journal (systemd.exec(5)).
bool journal_prefix = std::getenv("JOURNAL_STREAM") != nullptr;

struct LevelText {
  const char* priority;  // syslog severity (RFC 5424 6.2.1)
  const char* name;
};

LevelText words_for(LogLevel level) {
  switch (level) {
    case LogLevel::kError: return {"<3>", "error: "};
    case LogLevel::kWarning: return {"<4>", "warning: "};
    case LogLevel::kInfo: return {"<6>", ""};
    case LogLevel::kDebug: return {"<7>", "debug: "};
  }
  return {"", ""};
}

}  // namespace

void set_log_level(LogLevel level) {
  if (!level_is_pinned) current_level = level;
}

void pin_log_level(LogLevel level) {
  current_level = level;
  level_is_pinned = true;
}

LogLevel log_level() {
  return current_level;
}

void set_log_journal(bool on) {
  journal_prefix = on;
}

std::string log_line(LogLevel level, std::string_view text, bool journal) {
  const LevelText names = words_for(level);
  std::string line = journal ? names.priority : "isthmusd: ";
  line += names.name;
  // One call, one line: a line break inside would lose the prefix and could forge another entry.
  for (const char c : text) line += c == '\n' || c == '\r' ? ' ' : c;
  return line;
}

void log_text(LogLevel level, std::string_view text) {
  if (level > current_level) return;
  const std::string line = log_line(level, text, journal_prefix) + '\n';
  // A log that cannot be written is no reason to stop forwarding.
  [[maybe_unused]] const auto written = write(STDERR_FILENO, line.data(), line.size());
}

std::optional<uint64_t> LogLimiter::admit(double now_s) {
  if (now_s < next_s_) {
    ++held_back_;
    return std::nullopt;
  }
  next_s_ = now_s + interval_s_;
  return std::exchange(held_back_, 0);
}

void LogLimiter::log(LogLevel level, std::string_view text) {
  const auto held_back = admit(monotonic_seconds());
  if (!held_back) return;
  if (*held_back == 0) {
    log_text(level, text);
  } else {
    log_text(level, fmt::format("{} ({} more like this since the last)", text, *held_back));
  }
}

double monotonic_seconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace isthmus::control
