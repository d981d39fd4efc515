// SPDX-License-Identifier: BSD-3-Clause
// isthmusd: reads the command line and the configuration, then runs the daemon.
#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "build_facts.h"
#include "conf/load.h"
#include "control/log.h"
#include "control/twin_plan.h"
#include "daemon.h"
#include "dataplane/dataplane.h"
#include "options.h"

namespace isthmus::app {
namespace {

enum ExitCode : int { kClean = 0, kRuntimeFailure = 1, kConfiguration = 2 };

void print_version() {
  fmt::print("isthmusd");
  for (const auto& [name, value] : build_facts()) {
    if (name == "version") {
      fmt::print(" {}\n", value);
    } else {
      fmt::print("{:<14}{}\n", name + ':', value);
    }
  }
}

void print_summary(const conf::Config& config, const control::KernelPlan& plan) {
  std::size_t pools = 0;
  for (const auto& instance : config.nat64) pools += instance.pools.size();
  fmt::print(
      "ok: {}: {} ports, {} interfaces, {} workers, {} NAT64 instances with {} pools, {} "
      "stateless prefixes, {} routes, DNS64 {}\n",
      config.file, config.ports.size(), plan.twins.size(), config.cores.workers.size(),
      config.nat64.size(), pools, config.siit.size(), config.routes.size(),
      config.dns64.enabled ? "on" : "off");
}

int fail(const Error& error, ExitCode code) {
  control::log_error("{}", error.text);
  return code;
}

int run(const Options& options) {
  if (options.version) {
    print_version();
    return kClean;
  }
  const auto config = conf::load_file(options.file);
  if (!config) return fail(config.error(), kConfiguration);
  const auto plan = control::make_kernel_plan(**config);
  if (!plan) return fail(plan.error(), kConfiguration);
  if (options.check_config) {
    if (const auto fits = dataplane::check_memory_idle(**config); !fits) {
      return fail(fits.error(), kConfiguration);
    }
    print_summary(**config, *plan);
    return kClean;
  }
  control::set_log_level((*config)->log_level);
  if (options.log_level) control::pin_log_level(*options.log_level);
  if (options.dpdk_telemetry) dataplane::want_telemetry();
  auto daemon = Daemon::make(*config, *plan, build_facts());
  if (!daemon) return fail(daemon.error(), kRuntimeFailure);
  (*daemon)->run();
  return kClean;
}

}  // namespace
}  // namespace isthmus::app

int main(int argc, char** argv) {
  using namespace isthmus;
  try {
    const auto options = app::parse_options(argc, argv);
    if (const int* code = std::get_if<int>(&options)) return *code;
    return app::run(std::get<app::Options>(options));
  } catch (const std::exception& error) {
    return app::fail({error.what()}, app::kRuntimeFailure);
  }
}
