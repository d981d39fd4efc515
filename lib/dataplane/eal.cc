// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/eal.h"

#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "dataplane/memory_need.h"

namespace isthmus::dataplane {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFilePrefix = "isthmus-";  // and the process's number

// DPDK's INFO is a page of text at every start; an operator who asks for "info" means ours.
const char* dpdk_level(conf::LogLevel level) {
  switch (level) {
    case conf::LogLevel::kError: return "error";
    case conf::LogLevel::kWarning:
    case conf::LogLevel::kInfo: return "warning";
    case conf::LogLevel::kDebug: return "debug";
  }
  return "warning";
}

void remove_runtime_directory(const std::string& directory) {
  std::error_code ignored;
  // Those of telemetry, which EAL would remove only later.
  for (const char* socket : {"dpdk_telemetry.v1", "dpdk_telemetry.v2"}) {
    fs::remove(fs::path(directory) / socket, ignored);
  }
  fs::remove(directory, ignored);
}

// A daemon that was killed leaves its directory behind. An empty one is all that fs::remove()
// takes.
void remove_stale_runtime_directories() {
  std::error_code ignored;
  const fs::path own = rte_eal_get_runtime_dir();
  for (const auto& entry : fs::directory_iterator(own.parent_path(), ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind(kFilePrefix, 0) != 0 || entry.path() == own) continue;
    if (!fs::exists("/proc/" + name.substr(kFilePrefix.size()), ignored)) {
      remove_runtime_directory(entry.path());
    }
  }
}

void leave_eal() {
  // EAL keeps no files (see eal_arguments()), but makes this directory for its sockets all the
  // same.
  const std::string directory = rte_eal_get_runtime_dir();
  rte_eal_cleanup();
  remove_runtime_directory(directory);
}

Error start_error(const EalOptions& options) {
  return Error{fmt::format(
      "DPDK did not start: {}. It needs root rights and {} MB of memory (memory.megabytes)",
      rte_strerror(rte_errno), options.megabytes)};
}

bool wants_telemetry = false;

}  // namespace

void want_telemetry() {
  wants_telemetry = true;
}

bool telemetry_wanted() {
  return wants_telemetry;
}

bool is_pci_device(std::string_view device) {
  device = device.substr(0, device.find(','));
  const auto colons = std::count(device.begin(), device.end(), ':');
  if (colons < 1 || colons > 2 || device.find('.') == std::string_view::npos) return false;
  return std::all_of(device.begin(), device.end(),
                     [](unsigned char c) { return std::isxdigit(c) != 0 || c == ':' || c == '.'; });
}

EalOptions eal_options(const conf::Config& config) {
  EalOptions options;
  for (const auto& port : config.ports) {
    if (is_pci_device(port.device)) options.pci_devices.push_back(port.device);
    for (const auto& member : port.members) {
      if (is_pci_device(member)) options.pci_devices.push_back(member);
    }
  }
  options.control_cpu = config.cores.control;
  options.huge_pages = config.memory.huge_pages;
  options.megabytes = config.memory.megabytes;
  options.telemetry = telemetry_wanted();
  options.log_level = config.log_level;
  return options;
}

std::vector<std::string> eal_arguments(const EalOptions& options, uint64_t free_megabytes) {
  std::vector<std::string> args{
      "isthmusd",
      "--file-prefix",
      fmt::format("{}{}", kFilePrefix, getpid()),
      "--lcores",
      fmt::format("0@{}", options.control_cpu),
      "--log-level",
      dpdk_level(options.log_level),
  };
  if (!options.telemetry) args.emplace_back("--no-telemetry");
  if (options.pci_devices.empty()) {
    args.insert(args.end(), {"--no-pci", "--iova-mode", "va"});
  }
  for (const auto& device : options.pci_devices) args.insert(args.end(), {"-a", device});
  const bool huge =
      options.huge_pages == conf::HugePages::kOn ||
      (options.huge_pages == conf::HugePages::kAuto && free_megabytes >= options.megabytes);
  // Both ways keep everything off the disk; EAL allows --in-memory with huge pages only.
  if (huge) {
    args.emplace_back("--in-memory");
  } else {
    args.insert(args.end(), {"--no-huge", "--no-shconf", "-m", std::to_string(options.megabytes)});
  }
  return args;
}

Status start_eal(const EalOptions& options) {
  static bool started = false;
  if (started) return Ok{};

  // Before EAL opens its own stream, which would also write to standard output and syslog.
  rte_openlog_stream(stderr);
  auto args = eal_arguments(options, system_memory().huge_free >> 20);
  std::vector<char*> argv;
  for (auto& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);
  if (rte_eal_init(static_cast<int>(args.size()), argv.data()) < 0) {
    auto error = start_error(options);
    remove_runtime_directory(rte_eal_get_runtime_dir());
    return error;
  }
  started = true;
  remove_stale_runtime_directories();
  std::atexit(leave_eal);
  return Ok{};
}

}  // namespace isthmus::dataplane
