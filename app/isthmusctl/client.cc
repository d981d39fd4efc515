// SPDX-License-Identifier: BSD-3-Clause
#include "client.h"

#include <fmt/format.h>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "capture.h"
#include "control/command_table.h"
#include "render.h"
#include "repeat.h"
#include "screen.h"
#include "trace.h"

namespace isthmus::ctl {
namespace {

constexpr time_t kHealthSeconds = 5;

/// The command a line names, if it is understood here; an older or newer daemon may know others.
const control::Command* command_of(std::string_view line) {
  const auto parsed = control::parse_request(line);
  const auto* request = std::get_if<control::Request>(&parsed);
  return request != nullptr ? request->command : nullptr;
}

}  // namespace

std::string help_text(std::string_view line) {
  std::string out;
  const auto words = control::split_words(line);
  if (words.empty()) {
    std::size_t width = 0;
    for (const auto& command : control::commands()) width = std::max(width, command.path.size());
    for (const auto& command : control::commands()) {
      out += fmt::format("  {:<{}}  {}\n", command.path, width, command.help);
    }
    return out;
  }
  const auto* exact = command_of(line);
  for (const auto& command : control::commands()) {
    const bool is_meant = exact != nullptr ? exact == &command : command.path.starts_with(words[0]);
    if (!is_meant) continue;
    out += fmt::format("{}\n    {}\n", control::usage(command), command.help);
    for (const auto& argument : command.arguments) {
      out += fmt::format("      {:<10} {}\n", argument.word, argument.help);
    }
  }
  return out.empty() ? help_text("") : out;
}

namespace {

/// What the table says of `word` behind `line`: of the command that ends there, of an argument, or
/// the words that can follow it.
std::string hint(const std::string& line, const std::string& word) {
  if (const auto* command = control::find_command(line + word)) return std::string(command->help);
  if (const auto* command = command_of(line)) {
    for (const auto& argument : command->arguments) {
      if (argument.word == word) return std::string(argument.help);
    }
  }
  std::string out;
  for (const auto& next : control::complete(line + word + ' ')) {
    out += (out.empty() ? "" : ", ") + next;
  }
  return out;
}

}  // namespace

std::string hints(std::string_view partial, const std::vector<std::string>& words,
                  std::size_t line_width) {
  auto typed = control::split_words(partial);
  if (!typed.empty() && !partial.ends_with(' ')) typed.pop_back();
  std::string line;
  for (const auto word : typed) line += std::string(word) + ' ';
  std::size_t width = 0;
  for (const auto& word : words) width = std::max(width, word.size());
  std::string out;
  for (const auto& word : words) {
    const auto help = hint(line, word);
    out += help.empty()
               ? fmt::format("  {}\n", word)
               : fmt::format("  {:<{}}  {}\n", word, width, fill(help, width + 4, line_width));
  }
  if (out.empty()) {
    const auto* command = command_of(partial);
    out = command == nullptr ? "  nothing is known to follow\n"
                             : fmt::format("  {}\n", control::usage(*command));
  }
  return out;
}

std::string in_columns(const std::vector<std::string>& words, std::size_t line_width) {
  std::size_t width = 0;
  for (const auto& word : words) width = std::max(width, word.size() + 2);
  const std::size_t per_line =
      std::max<std::size_t>(1, line_width / std::max<std::size_t>(1, width));
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool ends_line = i % per_line == per_line - 1 || i + 1 == words.size();
    out += ends_line ? words[i] + '\n' : fmt::format("{:<{}}", words[i], width);
  }
  return out;
}

void Client::print(std::string_view text) {
  if (capture_ != nullptr) {
    *capture_ += text;
  } else if (has_reader_ && std::fwrite(text.data(), 1, text.size(), stream_) != text.size()) {
    lose_reader();
  }
}

void Client::complain(const std::string& text) {
  if (capture_ != nullptr) {
    *capture_ += text + '\n';
  } else {
    std::fprintf(stderr, "%s\n", text.c_str());
  }
}

void Client::flush() {
  if (has_reader_ && std::fflush(stream_) != 0) lose_reader();
}

void Client::lose_reader() {
  has_reader_ = false;
  if (errno == EPIPE) return;  // "| head" has seen enough
  lost_output_ = true;
  std::fprintf(stderr, "isthmusctl: cannot write: %s\n", std::strerror(errno));
}

bool Client::run_locally(std::string_view line) {
  const auto parsed = control::parse_request(line);
  const auto* request = std::get_if<control::Request>(&parsed);
  if (request == nullptr || json_) return false;
  if (request->command->action == control::Action::kComplete) {
    for (const auto& word : control::complete(request->rest)) print(word + '\n');
    return true;
  }
  if (request->command->action != control::Action::kHelp) return false;
  print(help_text(request->rest));
  return true;
}

ExitCode Client::run(std::string_view line, std::string_view where) {
  const auto parsed = control::parse_request(line);
  if (const auto* request = std::get_if<control::Request>(&parsed)) {
    if (request->command->action == control::Action::kWatch) return run_watch(*this, request->rest);
    const auto words = control::split_words(request->rest);
    // What the daemon itself understands goes there, for scripts and for looking.
    const bool is_raw =
        !words.empty() && (words[0] == "start" || words[0] == "read" || words[0] == "stop");
    if (request->command->action == control::Action::kCapture && !is_raw) {
      return run_capture(*this, request->rest);
    }
    if (request->command->action == control::Action::kTrace && !is_raw) {
      return run_trace(*this, request->rest);
    }
    if (request->command->action == control::Action::kTop) return run_top(*this, request->rest);
    if (request->command->action == control::Action::kHealth) return run_health(line, where);
  }
  return run_remotely(line, where);
}

// A line for people and logs, a code for scripts; who asks every second waits for nobody.
ExitCode Client::run_health(std::string_view line, std::string_view where) {
  connection_.give_up_after(kHealthSeconds);
  Json answer;
  const auto outcome = connection_.run(line, [&](std::string_view text) {
    if (json_) print(std::string(text) + '\n');
    answer = Json::parse(text, nullptr, false);
  });
  if (!outcome) {
    complain("isthmusctl: " + std::string(where) + outcome.error().text);
    return kNoConnection;
  }
  if (!outcome->ok || !answer.is_object()) {
    complain("isthmusctl: " + std::string(where) + outcome->error);
    return kFailed;
  }
  const auto health = answer.value("health", "");
  if (!json_) print(health + ": " + answer.value("why", "") + '\n');
  flush();
  return health == "healthy" || health == "degraded" ? kOk : kFailed;
}

ExitCode Client::capture(std::string_view line, std::string& out) {
  capture_ = &out;
  const auto code = run_remotely(line, {});
  capture_ = nullptr;
  return code;
}

Result<Json> Client::ask(std::string_view line) {
  Json answer;
  const auto outcome = connection_.run(line, [&](std::string_view text) {
    if (answer.is_null()) answer = Json::parse(text, nullptr, false);
  });
  if (!outcome) return outcome.error();
  return outcome->ok ? answer : Json();
}

ExitCode Client::run_remotely(std::string_view line, std::string_view where) {
  const auto* command = command_of(line);
  const bool is_stream = command != nullptr && command->stream;
  const Sink sink = [this](std::string_view text) { print(text); };
  // 0 when output goes to a file or a pipe: programs want a row to be a line.
  const auto width = terminal_size().columns;
  const bool styles = has_styles() && !json_;
  Table table(sink, width, styles);
  if (const auto status = connection_.open(); !status && run_locally(line)) {
    flush();
    return lost_output_ ? kFailed : kOk;
  }
  const auto outcome = connection_.run(line, [&](std::string_view text) {
    if (!has_reader_) {
      // Closing tells the daemon to stop; reading on would carry a million lines to nobody.
      connection_.close();
      return;
    }
    if (json_) {
      print(std::string(text) + '\n');
      return;
    }
    const auto json = Json::parse(text, nullptr, false);
    if (is_stream && json.is_object()) {
      table.add(json);
    } else {
      render_object(json, sink, width, styles);
    }
  });
  if (!has_reader_) return lost_output_ ? kFailed : kOk;
  if (!outcome) {
    complain("isthmusctl: " + std::string(where) + outcome.error().text);
    return kNoConnection;
  }
  if (is_stream && !json_ && outcome->ok) table.finish();
  flush();
  if (outcome->ok) return lost_output_ ? kFailed : kOk;
  if (json_) {
    complain(outcome->status_line);
  } else {
    complain("isthmusctl: " + std::string(where) + outcome->error);
    if (!outcome->hint.empty()) complain(outcome->hint);
  }
  // What this table does not understand either was wrongly typed; the rest is the gateway's no.
  return std::holds_alternative<control::Complaint>(control::parse_request(line)) ? kUsage
                                                                                  : kFailed;
}

ExitCode Client::run_stream(std::FILE* in) {
  ExitCode result = kOk;
  char* text = nullptr;
  std::size_t capacity = 0;
  for (unsigned number = 1; has_reader_; ++number) {
    const ssize_t size = getline(&text, &capacity, in);
    if (size < 0) break;
    std::string_view line(text, static_cast<std::size_t>(size));
    while (line.ends_with('\n') || line.ends_with('\r') || line.ends_with(' ')) {
      line.remove_suffix(1);
    }
    const auto begin = line.find_first_not_of(" \t");
    if (begin == std::string_view::npos || line[begin] == '#') continue;
    const auto code = run(line.substr(begin), fmt::format("line {}: ", number));
    if (result == kOk) result = code;
    if (code == kNoConnection) break;
  }
  std::free(text);
  return result;
}

std::vector<std::string> Client::complete(std::string_view partial) {
  std::optional<std::vector<std::string>> words;
  const auto outcome =
      connection_.run("complete " + std::string(partial), [&](std::string_view line) {
        const auto json = Json::parse(line, nullptr, false);
        if (!json.is_object() || !json.contains("words") || !json["words"].is_array()) return;
        words.emplace();
        for (const auto& word : json["words"]) {
          if (word.is_string()) words->push_back(word.get<std::string>());
        }
      });
  if (outcome && words) return *words;
  return control::complete(partial);
}

}  // namespace isthmus::ctl
