// SPDX-License-Identifier: BSD-3-Clause
#include "shell.h"

#include <histedit.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "control/command_table.h"
#include "pager.h"
#include "screen.h"

namespace isthmus::ctl {
namespace {

constexpr int kHistoryLines = 1000;

char* prompt(EditLine*) {
  static char text[] = "isthmus> ";
  return text;
}

/// The longest beginning that all `words` share.
std::string common_prefix(const std::vector<std::string>& words) {
  std::string prefix = words.front();
  for (const auto& word : words) {
    const auto [end, other] = std::mismatch(prefix.begin(), prefix.end(), word.begin(), word.end());
    prefix.erase(end, prefix.end());
  }
  return prefix;
}

unsigned char on_tab(EditLine* editor, int) {
  void* data = nullptr;
  el_get(editor, EL_CLIENTDATA, &data);
  auto& client = *static_cast<Client*>(data);
  const auto* info = el_line(editor);
  const std::string partial(info->buffer, info->cursor);
  const auto words = client.complete(partial);
  if (words.empty()) return CC_ERROR;
  const auto space = partial.find_last_of(" \t");
  const auto typed = partial.size() - (space == std::string::npos ? 0 : space + 1);
  auto insert = common_prefix(words);
  // A daemon may complete shortened words otherwise than by appending.
  if (insert.size() < typed) return CC_ERROR;
  insert.erase(0, typed);
  if (words.size() == 1) insert += ' ';
  if (!insert.empty()) {
    return el_insertstr(editor, insert.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
  }
  std::printf("\n%s", in_columns(words, terminal_size().columns).c_str());
  return CC_REDISPLAY;
}

// "?" tells what can come next, and leaves the line as it is.
unsigned char on_question(EditLine* editor, int) {
  void* data = nullptr;
  el_get(editor, EL_CLIENTDATA, &data);
  auto& client = *static_cast<Client*>(data);
  const auto* info = el_line(editor);
  const std::string partial(info->buffer, info->cursor);
  std::printf("?\n%s", hints(partial, client.complete(partial), terminal_size().columns).c_str());
  return CC_REDISPLAY;
}

std::string history_file() {
  const char* home = std::getenv("HOME");
  return home != nullptr && *home != '\0' ? std::string(home) + "/.isthmusctl_history" : "";
}

/// Ctrl-C ends the line being typed, or the answer being read; never the shell.
void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  // A write to the terminal goes on; waiting for the daemon (a socket with a timeout) does not.
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
}

ExitCode run_paged(Client& client, const std::string& command) {
  const auto parsed = control::parse_request(command);
  const auto* request = std::get_if<control::Request>(&parsed);
  // What changes something, or draws a screen of its own, has no long answer.
  const bool is_long = request != nullptr && !request->command->changes &&
                       request->command->action != control::Action::kWatch &&
                       request->command->action != control::Action::kTop;
  if (!is_long) return client.run(command);
  const Pager pager(client);
  return client.run(command);
}

std::string trimmed(std::string_view line) {
  const auto begin = line.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return std::string(line.substr(begin, line.find_last_not_of(" \t\r\n") - begin + 1));
}

}  // namespace

ExitCode run_shell(Client& client) {
  History* history = history_init();
  EditLine* editor = el_init("isthmusctl", stdin, stdout, stderr);
  if (history == nullptr || editor == nullptr) return client.run_stream(stdin);
  HistEvent event;
  const auto file = history_file();
  ::history(history, &event, H_SETSIZE, kHistoryLines);
  ::history(history, &event, H_SETUNIQUE, 1);
  if (!file.empty()) ::history(history, &event, H_LOAD, file.c_str());
  el_set(editor, EL_PROMPT, prompt);
  el_set(editor, EL_EDITOR, "emacs");
  el_set(editor, EL_SIGNAL, 1);
  el_set(editor, EL_HIST, ::history, history);
  el_set(editor, EL_CLIENTDATA, static_cast<void*>(&client));
  el_set(editor, EL_ADDFN, "isthmus-complete", "Complete the word", on_tab);
  el_set(editor, EL_BIND, "^I", "isthmus-complete", nullptr);
  el_set(editor, EL_ADDFN, "isthmus-help", "Tell what can come next", on_question);
  el_set(editor, EL_BIND, "?", "isthmus-help", nullptr);
  el_source(editor, nullptr);
  catch_interrupts();

  ExitCode last = kOk;
  int count = 0;
  while (client.has_reader()) {
    interrupted = 0;
    const char* line = el_gets(editor, &count);
    if (interrupted != 0) {
      std::printf("^C\n");
      el_reset(editor);
      continue;
    }
    if (line == nullptr || count <= 0) {
      std::printf("\n");
      break;
    }
    const auto command = trimmed({line, static_cast<std::size_t>(count)});
    if (command.empty()) continue;
    ::history(history, &event, H_ENTER, command.c_str());
    if (command == "exit" || command == "quit") break;
    last = run_paged(client, command);
  }
  if (!file.empty()) ::history(history, &event, H_SAVE, file.c_str());
  el_end(editor);
  history_end(history);
  return last;
}

}  // namespace isthmus::ctl
