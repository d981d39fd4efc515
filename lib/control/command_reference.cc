// SPDX-License-Identifier: BSD-3-Clause
// Pages about commands, from the table.
#include "control/command_table.h"

namespace isthmus::control {
namespace {

std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '-' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string commands_man() {
  std::string out;
  for (const auto& command : commands()) {
    out += ".TP\n.B " + roff(usage(command)) + "\n" + roff(command.help) +
           "\n.br\nAnswer: " + roff(command.answer) + ".\n";
  }
  return out;
}

std::string commands_markdown() {
  std::string out =
      "<!-- Made by gen-docs from lib/control/command_table.cc; do not edit. -->\n"
      "# Commands\n\n"
      "For `isthmusctl`, or as lines on the socket (`doc/protocol.md`). Words may be shortened "
      "while\n"
      "they stay unambiguous.\n";
  for (const auto& command : commands()) {
    out += "\n## " + std::string(command.path) + "\n\n" + std::string(command.help) +
           (command.changes ? " Changes something: the caller is logged." : "") + "\n\n    " +
           usage(command) + "\n\n";
    if (!command.arguments.empty()) {
      out += "| argument | meaning |\n|---|---|\n";
      for (const auto& argument : command.arguments) {
        out += "| `" + std::string(argument.word) + "` | " + std::string(argument.help) + " |\n";
      }
      out += "\n";
    }
    out += "Answer" + std::string(command.stream ? " (lines)" : "") + ": " +
           std::string(command.answer) + ".\n";
  }
  return out;
}

}  // namespace isthmus::control
