// SPDX-License-Identifier: BSD-3-Clause
#include "control/conversation.h"

#include <algorithm>

#include "control/command_config.h"

namespace isthmus::control {
namespace {

// Questions to workers per turn: with a filter that matches nothing, output alone bounds nothing.
constexpr int kStepsPerTurn = 16;

bool is_text(std::string_view line) {
  return std::none_of(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
}

bool is_edit(const Request& request) {
  const auto action = request.command->action;
  return action == Action::kSet || action == Action::kAdd || action == Action::kRemove;
}

}  // namespace

Conversation::Conversation(Commands& commands, MayChange may_change)
    : commands_(commands), may_change_(std::move(may_change)), out_(commands.greeting()) {}

void Conversation::receive(std::string_view bytes) {
  if (closing_) return;
  in_ += bytes;
  const auto end = in_.find('\n');
  if (std::min(end, in_.size()) < kMaxLine) return;
  refuse({"line of more than 4096 octets", "send one command a line"});
}

void Conversation::refuse(Complaint complaint) {
  out_ += status_line(complaint);
  in_.clear();
  answer_ = {};
  closing_ = true;
}

void Conversation::work() {
  for (int i = 0; i < kStepsPerTurn && out_.size() < kHighWater && busy(); ++i) {
    if (answer_.step) {
      take_step();
    } else {
      take_line();
    }
  }
}

void Conversation::take_line() {
  const auto end = in_.find('\n');
  std::string line = in_.substr(0, end);
  in_.erase(0, end + 1);
  if (line.size() >= kMaxLine) {
    refuse({"line of more than 4096 octets", "send one command a line"});
    return;
  }
  if (line.ends_with('\r')) line.pop_back();
  run(line);
}

void Conversation::run(std::string_view line) {
  if (!is_text(line)) {
    out_ += status_line(Complaint{"line with control characters", "send text, one command a line"});
    return;
  }
  const auto parsed = parse_request(line);
  if (const auto* complaint = std::get_if<Complaint>(&parsed)) {
    note_failure(session_, line, *complaint);
    out_ += status_line(*complaint);
    return;
  }
  const auto& request = std::get<Request>(parsed);
  if (request.command->changes && !may_change_(line)) {
    out_ += status_line(Complaint{"not permitted", "the peer's credentials are unknown"});
    return;
  }
  answer_ = commands_.run(request, session_);
  if (answer_.complaint && is_edit(request)) note_failure(session_, line, *answer_.complaint);
  out_ += answer_.text;
  if (!answer_.step) out_ += status_line(answer_.complaint);
}

void Conversation::take_step() {
  auto step = answer_.step(out_);
  if (step.more) return;
  out_ += status_line(step.complaint);
  answer_ = {};
}

}  // namespace isthmus::control
