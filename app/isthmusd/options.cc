// SPDX-License-Identifier: BSD-3-Clause
#include "options.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>

#include "app/nearest_option.h"

namespace isthmus::app {

namespace {

void complain_of(const CLI::App& app, const std::string& word) {
  const auto nearest = word.starts_with('-') ? nearest_option(app, word) : "";
  std::fprintf(stderr, "isthmusd: error: unknown %s %s%s%s%s\n\"isthmusd --help\" lists options\n",
               word.starts_with('-') ? "option" : "argument", word.c_str(),
               nearest.empty() ? "" : "; did you mean ", nearest.c_str(),
               nearest.empty() ? "" : "?");
}

}  // namespace

std::variant<Options, int> parse_options(int argc, char** argv) {
  constexpr int kUsageError = 2;
  Options options;
  std::string level;
  const std::map<std::string, conf::LogLevel> levels{{"error", conf::LogLevel::kError},
                                                     {"warning", conf::LogLevel::kWarning},
                                                     {"info", conf::LogLevel::kInfo},
                                                     {"debug", conf::LogLevel::kDebug}};
  CLI::App app(
      "Isthmus: NAT64 gateway with DNS64. Runs in the foreground and logs to stderr; "
      "SIGHUP reloads the configuration, SIGTERM stops it.\n"
      "Exit codes: 0 clean stop, 1 runtime failure, 2 wrong configuration or usage.",
      "isthmusd");
  app.add_option("-c,--config", options.file, "Configuration file")->capture_default_str();
  app.add_flag("--check-config", options.check_config, "Check the configuration file and exit");
  app.add_option("--log-level", level, "error, warning, info or debug; overrides the file")
      ->check(CLI::IsMember(levels));
  app.add_flag("--dpdk-telemetry", options.dpdk_telemetry,
               "Answer dpdk-telemetry.py, also to /isthmus/... commands; for root alone");
  app.add_flag("--version", options.version, "Show version and build facts and exit");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ExtrasError&) {
    complain_of(app, app.remaining(true).front());
    return kUsageError;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsageError;
  }
  if (!level.empty()) options.log_level = levels.at(level);
  return options;
}

}  // namespace isthmus::app
