// SPDX-License-Identifier: BSD-3-Clause
// isthmusctl: sends commands to isthmusd and shows the answers.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "app/nearest_option.h"
#include "client.h"
#include "conf/config.h"
#include "shell.h"

namespace {

using namespace isthmus;

constexpr const char* kAbout =
    "Sends commands to isthmusd. With a command: runs it. Without: an interactive shell, or,\n"
    "when standard input is no terminal, one command from each of its lines.";

std::string join(const std::vector<std::string>& words) {
  std::string line;
  for (const auto& word : words) line += (line.empty() ? "" : " ") + word;
  return line;
}

void print_help(const CLI::App& app, const std::string& command) {
  if (command.empty()) {
    auto options = app.help();
    if (const auto at = options.find("[OPTIONS]"); at != std::string::npos) {
      options.insert(at + std::strlen("[OPTIONS]"), " [COMMAND ...]");
    }
    std::printf(
        "%s\nCommands (\"isthmusctl COMMAND --help\" tells more):\n%s\n"
        "Exit codes: 0 ok, 1 command failed, 2 usage, 3 no connection.\n",
        options.c_str(), ctl::help_text("").c_str());
  } else {
    std::printf("%s", ctl::help_text(command).c_str());
  }
}

int unknown_option(const CLI::App& app, const std::string& word) {
  const auto nearest = app::nearest_option(app, word);
  const auto meant = nearest.empty() ? "" : "did you mean " + nearest + "? ";
  std::fprintf(stderr, "isthmusctl: unknown option %s\n%s\"isthmusctl --help\" lists options\n",
               word.c_str(), meant.c_str());
  return ctl::kUsage;
}

int run_file(ctl::Client& client, const std::string& name) {
  if (name == "-") return client.run_stream(stdin);
  std::FILE* file = std::fopen(name.c_str(), "re");
  if (file == nullptr) {
    std::fprintf(stderr, "isthmusctl: cannot read %s: %s\n", name.c_str(), std::strerror(errno));
    return ctl::kUsage;
  }
  const int code = client.run_stream(file);
  std::fclose(file);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  // A reader that goes away ("| head") is an ordinary end, seen when writing.
  std::signal(SIGPIPE, SIG_IGN);

  CLI::App app(kAbout, "isthmusctl");
  app.set_help_flag();
  app.allow_extras();
  bool help = false;
  bool json = false;
  bool version = false;
  std::string socket = conf::Control{}.socket;
  app.add_flag("-h,--help", help, "Show this help, or that of a command");
  app.add_flag("-j,--json", json, "Print answers as JSON, as they come from the daemon");
  std::string file;
  app.add_option("-f,--file", file, "Run the commands in FILE, one a line (- is standard input)");
  app.add_flag("-V,--version", version, "Show isthmusctl's version (the daemon's: show version)");
  app.add_option("-s,--socket", socket, "The daemon's socket")
      ->envname("ISTHMUS_SOCKET")
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "isthmusctl: %s\n\"isthmusctl --help\" lists options and commands\n",
                 error.what());
    return ctl::kUsage;
  }
  const auto command = join(app.remaining());
  if (help) {
    print_help(app, command);
    return ctl::kOk;
  }
  if (version) {
    std::printf("isthmusctl %s\n", ISTHMUS_VERSION);
    return ctl::kOk;
  }
  if (command.starts_with('-')) {
    return unknown_option(app, app.remaining().front());
  }
  ctl::Client client(socket, json);
  if (!file.empty()) {
    if (!command.empty()) {
      std::fprintf(stderr, "isthmusctl: both --file and a command; give one of them\n");
      return ctl::kUsage;
    }
    return run_file(client, file);
  }
  if (!command.empty()) return client.run(command);
  return isatty(STDIN_FILENO) ? ctl::run_shell(client) : client.run_stream(stdin);
}
