// SPDX-License-Identifier: BSD-3-Clause
#include "trace.h"

#include <fmt/format.h>

#include <cstdio>
#include <ctime>

#include "control/command_table.h"
#include "fetch.h"

namespace isthmus::ctl {
namespace {

class Words {
 public:
  explicit Words(const Json& step) : step_(step) {}

  bool has(const char* field) const { return step_.contains(field); }
  std::string get(const char* field) const {
    const auto it = step_.find(field);
    return it == step_.end() ? "" : human(field, *it);
  }
  std::string with_port(const char* field) const {
    return get(field) + ' ' + get((std::string(field) + "_port").c_str());
  }
  void line(const char* name, const std::string& text) {
    if (!text.empty()) out_ += fmt::format("  {:<11} {}\n", name, text);
  }
  std::string take() { return std::move(out_); }

 private:
  const Json& step_;
  std::string out_;
};

std::string time_of(const Json& step) {
  const auto ns = step.value("unix_ns", uint64_t{0});
  const auto seconds = static_cast<std::time_t>(ns / 1'000'000'000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:02}:{:02}:{:02}.{:06}", utc.tm_hour, utc.tm_min, utc.tm_sec,
                     ns % 1'000'000'000 / 1000);
}

std::string owner(const Words& step) {
  std::string out = "worker " + step.get("worker");
  if (step.has("received_by")) out += ", handed over by worker " + step.get("received_by");
  return out;
}

std::string session(const Words& step) {
  std::string out = step.get("session");
  if (!step.has("state_after")) return out;
  const bool is_tcp = step.get("state_after") != "none";
  if (is_tcp) {
    const auto before = step.has("state") ? step.get("state") : "none";
    out += fmt::format(", {} -> {}", before, step.get("state_after"));
  }
  if (step.has("expires_in_ms")) out += ", had " + step.get("expires_in_ms") + " left";
  return out + ", has " + step.get("expires_after_ms") + " now";
}

std::string next_hop(const Words& step) {
  if (!step.has("next_hop")) return "";
  std::string out = step.get("next_hop");
  if (step.has("link_address")) out += " (" + step.get("link_address") + ")";
  if (step.has("egress"))
    out += fmt::format(" on {}, port {}", step.get("egress"), step.get("port"));
  return out;
}

class Follower {
 public:
  Follower(Client& client, const TraceWish& wish) : client_(client), wish_(wish) {}

  ExitCode run() {
    const auto code = fetch(
        client_, "trace", "steps", wish_.seconds, [this](const Json& steps) { return take(steps); },
        lost_);
    std::fprintf(stderr, "%s\n",
                 fmt::format("{} steps; {} lost because they came faster than they were fetched",
                             steps_, lost_)
                     .c_str());
    return code;
  }

 private:
  Result<bool> take(const Json& steps) {
    for (const auto& step : steps) {
      if (steps_ < wish_.count) show(step);
    }
    if (std::fflush(stdout) != 0) return Error{"nobody reads the standard output any more"};
    return steps_ < wish_.count;
  }

  void show(const Json& step) {
    ++steps_;
    const auto text = client_.is_json()
                          ? step.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n'
                          : trace_text(step, steps_);
    std::fputs(text.c_str(), stdout);
  }

  Client& client_;
  const TraceWish& wish_;
  uint64_t steps_ = 0, lost_ = 0;
};

}  // namespace

Result<TraceWish> parse_trace(std::string_view text) {
  const auto words = control::split_words(text);
  TraceWish wish;
  for (std::size_t at = 0; at < words.size();) {
    const auto word = words[at++];
    if (word == "filter") {
      if (at == words.size()) return Error{"no expression after \"filter\""};
      wish.filter = "filter";
      for (; at < words.size(); ++at) wish.filter += ' ' + std::string(words[at]);
      break;
    }
    const auto value = at < words.size() ? words[at++] : std::string_view();
    const bool understood = word == "count"     ? read_number(value, wish.count)
                            : word == "seconds" ? read_number(value, wish.seconds)
                                                : false;
    if (!understood) return Error{fmt::format("\"{} {}\" is not understood", word, value)};
  }
  return wish;
}

std::string trace_text(const Json& json, uint64_t number) {
  Words step(json);
  step.line("parsed as", step.get("parsed"));
  if (step.has("nat64")) step.line("instance", "nat64 " + step.get("nat64"));
  if (step.has("siit")) step.line("instance", "siit " + step.get("siit"));
  step.line("worker", owner(step));
  if (step.has("binding")) {
    step.line("binding",
              step.get("binding") + (step.has("inside") ? ": " + step.with_port("inside") +
                                                              " <-> " + step.with_port("outside")
                                                        : ""));
  }
  if (step.has("session")) step.line("session", session(step));
  step.line("translated", step.get("packet"));
  if (step.has("fragment_octets")) step.line("fragments of", step.get("fragment_octets"));
  step.line("next hop", next_hop(step));
  std::string outcome = step.get("outcome");
  if (step.has("reason")) {
    outcome += fmt::format(": {} ({})", step.get("reason"), step.get("why"));
  }
  if (step.has("limit")) outcome += ", limit: " + step.get("limit");
  if (step.has("punted") && step.get("punted") != step.get("outcome"))
    outcome += ", " + step.get("punted");
  step.line("outcome", outcome);
  return fmt::format("#{} {} from {}{}\n{}", number, time_of(json), step.get("interface"),
                     step.has("half") ? ", turned around" : "", step.take());
}

ExitCode run_trace(Client& client, std::string_view arguments) {
  const auto wish = parse_trace(arguments);
  if (!wish) {
    std::fprintf(stderr, "isthmusctl: %s\n%s\n", wish.error().text.c_str(),
                 "usage: trace [count N] [seconds N] [filter EXPRESSION]");
    return kUsage;
  }
  std::string answer;
  const auto start = wish->filter.empty() ? "trace start" : "trace start " + wish->filter;
  if (const auto code = client.capture(start, answer); code != kOk) {
    std::fputs(answer.c_str(), stderr);
    return code;
  }
  const auto code = Follower(client, *wish).run();
  answer.clear();
  (void)client.capture("trace stop", answer);
  return code;
}

}  // namespace isthmus::ctl
