// SPDX-License-Identifier: BSD-3-Clause
#include "repeat.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>

#include "control/command_table.h"
#include "screen.h"
#include "top.h"

namespace isthmus::ctl {
namespace {

constexpr double kShortest = 0.1, kLongest = 86'400;

std::string_view take_word(std::string_view& text) {
  const auto begin = std::min(text.find_first_not_of(" \t"), text.size());
  text.remove_prefix(begin);
  const auto word = text.substr(0, text.find_first_of(" \t"));
  text.remove_prefix(word.size());
  return word;
}

template <class Number>
bool parse(std::string_view word, Number& out) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out);
  return error == std::errc{} && end == word.data() + word.size();
}

ExitCode usage(const std::string& error, std::string_view hint) {
  std::fprintf(stderr, "isthmusctl: %s\n%s\n", error.c_str(), std::string(hint).c_str());
  return kUsage;
}

std::string usage_of(std::string_view path) {
  return "usage: " + std::string(path) + " [every SECONDS] [times N]" +
         (path == "watch" ? " COMMAND" : "");
}

/// Draws what `text()` gives, until told to stop. `text` fails by itself: its code ends the loop.
template <class Text>
ExitCode repeat(const Repeat& how, Text&& text) {
  interrupted = 0;
  const Interruptible signals;
  Screen screen;
  ExitCode last = kOk;
  for (uint64_t time = 1;; ++time) {
    std::string page;
    last = text(page);
    if (interrupted != 0) return kOk;
    screen.draw(page);
    if (time >= how.times) return last;
    auto event = screen.wait(how.seconds);
    while (event == Screen::Event::kResized) {
      screen.draw(page);
      event = screen.wait(how.seconds);
    }
    if (event == Screen::Event::kQuit) return kOk;
  }
}

std::string clock_time() {
  return fmt::format("{:%H:%M:%S}", fmt::localtime(std::time(nullptr)));
}

}  // namespace

Result<Repeat> parse_repeat(std::string_view text) {
  Repeat out;
  for (;;) {
    auto after = text;
    const auto word = take_word(after);
    if (word == "every") {
      const auto value = take_word(after);
      if (!parse(value, out.seconds) || !(out.seconds >= kShortest && out.seconds <= kLongest)) {
        return Error{fmt::format("\"{}\" is no value for \"every\": give seconds, {} to {:.0f}",
                                 value.substr(0, 40), kShortest, kLongest)};
      }
    } else if (word == "times") {
      const auto value = take_word(after);
      if (!parse(value, out.times) || out.times == 0) {
        return Error{fmt::format("\"{}\" is no value for \"times\": give a number from 1 on",
                                 value.substr(0, 40))};
      }
    } else {
      break;
    }
    text = after;
  }
  out.rest = text.substr(std::min(text.find_first_not_of(" \t"), text.size()));
  return out;
}

ExitCode run_watch(Client& client, std::string_view arguments) {
  const auto how = parse_repeat(arguments);
  if (!how) return usage(how.error().text, usage_of("watch"));
  if (how->rest.empty()) return usage("no command to watch", usage_of("watch"));
  const auto parsed = control::parse_request(how->rest);
  if (const auto* complaint = std::get_if<control::Complaint>(&parsed)) {
    return usage(complaint->error, complaint->hint);
  }
  const auto& command = *std::get<control::Request>(parsed).command;
  if (command.changes || command.action == control::Action::kWatch ||
      command.action == control::Action::kTop) {
    return usage(fmt::format("\"{}\" cannot be watched", command.path),
                 "commands that only show something can");
  }
  return repeat(*how, [&](std::string& page) {
    page = fmt::format("{}   every {} s: {}\n\n", clock_time(), how->seconds, how->rest);
    return client.capture(how->rest, page);
  });
}

ExitCode run_top(Client& client, std::string_view arguments) {
  const auto how = parse_repeat(arguments);
  if (!how) return usage(how.error().text, usage_of("top"));
  if (!how->rest.empty()) {
    return usage(fmt::format("unknown argument \"{}\"", how->rest.substr(0, 40)), usage_of("top"));
  }
  TopView view;
  return repeat(*how, [&](std::string& page) {
    std::string trouble;
    if (!view.ask(client, trouble)) {
      page = trouble + '\n';
      return kNoConnection;
    }
    page = fmt::format("{}   every {} s, q ends\n", clock_time(), how->seconds) +
           view.text(terminal_size().columns, has_styles());
    return kOk;
  });
}

}  // namespace isthmus::ctl
