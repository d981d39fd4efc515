// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/memory_need.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <system_error>

#include "dataplane/dataplane.h"
#include "nat/translator.h"

namespace isthmus::dataplane {
namespace {

constexpr uint64_t kMegabyte = uint64_t{1} << 20;
constexpr uint64_t kHugePage = 2 * kMegabyte;

uint64_t megabytes(uint64_t bytes) {
  return (bytes + kMegabyte - 1) / kMegabyte;
}

// "NAME: NUMBER ..." or "NAME NUMBER ..."; 0 if it is not there.
uint64_t figure(const std::string& file, std::string_view name) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string word;
    uint64_t value = 0;
    if (words >> word >> value && word == name) return value;
  }
  return 0;
}

void read_huge_pages(SystemMemory& out) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/kernel/mm/hugepages", error)) {
    // "hugepages-2048kB"
    const std::string name = entry.path().filename().string();
    const auto dash = name.find('-');
    if (dash == std::string::npos) continue;
    const uint64_t size = std::strtoull(name.c_str() + dash + 1, nullptr, 10) * 1024;
    uint64_t free = 0, total = 0, reserved = 0;
    std::ifstream(entry.path() / "free_hugepages") >> free;
    std::ifstream(entry.path() / "nr_hugepages") >> total;
    std::ifstream(entry.path() / "resv_hugepages") >> reserved;
    free = free > reserved ? free - reserved : 0;
    out.huge_free += size * free;
    out.huge_total += size * total;
    if (size == kHugePage) out.huge_free_2m += size * free;
  }
}

// A service or container may have less than the machine (cgroup v2).
void apply_limit(SystemMemory& out) {
  std::ifstream in("/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("0::")) continue;
    const std::string group = "/sys/fs/cgroup" + line.substr(3);
    uint64_t limit = 0;
    if (!(std::ifstream(group + "/memory.max") >> limit)) continue;  // "max"
    const uint64_t used = figure(group + "/memory.stat", "anon");
    out.total = std::min(out.total, limit);
    out.available = std::min(out.available, limit > used ? limit - used : 0);
  }
}

uint64_t ordinary(const MemoryNeed& need, const PageChoice& pages) {
  return (pages.dpdk ? 0 : need.dpdk) + (pages.tables ? 0 : need.tables);
}

bool fits(conf::HugePages wish, const MemoryNeed& need, const SystemMemory& system) {
  return ordinary(need, choose_pages(wish, need, system)) <= system.available;
}

// The largest limits.sessions that fits, everything else the same; 0: none.
uint64_t largest(const conf::Config& config, nat::Settings settings, const SystemMemory& system) {
  const uint64_t workers = config.cores.workers.size();
  uint64_t low = 0, high = settings.max_sessions;  // of one worker; `high` does not fit
  while (low + 1 < high) {
    const uint64_t middle = (low + high) / 2;
    settings.max_sessions = static_cast<uint32_t>(middle);
    const bool good = fits(config.memory.huge_pages, memory_need(config, settings), system);
    (good ? low : high) = middle;
  }
  return low * workers;
}

std::string pages_wanted(const MemoryNeed& need, const SystemMemory& system) {
  const uint64_t pages = (need.dpdk + need.tables + kHugePage - 1) / kHugePage;
  const uint64_t in_use = (system.huge_total - system.huge_free) / kHugePage;
  return fmt::format(
      "{} MB of reserved huge pages are needed, {} MB for DPDK (memory.megabytes) and {} MB for "
      "tables, and {} MB are free; \"sysctl -w vm.nr_hugepages={}\" reserves them",
      megabytes(need.dpdk + need.tables), megabytes(need.dpdk), megabytes(need.tables),
      system.huge_free / kMegabyte, pages + in_use);
}

}  // namespace

SystemMemory system_memory() {
  SystemMemory out;
  out.total = figure("/proc/meminfo", "MemTotal:") * 1024;
  out.available = figure("/proc/meminfo", "MemAvailable:") * 1024;
  if (out.total == 0) out.total = out.available = std::numeric_limits<uint64_t>::max();
  read_huge_pages(out);
  out.total -= std::min(out.total, out.huge_total);
  apply_limit(out);
  return out;
}

MemoryNeed memory_need(const conf::Config& config, const nat::Settings& settings,
                       const steer::Ownership& ownership) {
  return {nat::Translator::need(settings, ownership), config.memory.megabytes * kMegabyte};
}

MemoryNeed memory_need(const conf::Config& config, const nat::Settings& settings) {
  const auto workers = static_cast<unsigned>(config.cores.workers.size());
  const auto ownership = nat::make_ownership(settings, workers, 0);
  // Pools that do not fit are an error of their own.
  if (!ownership) return {0, config.memory.megabytes * kMegabyte};
  return memory_need(config, settings, *ownership);
}

PageChoice choose_pages(conf::HugePages wish, const MemoryNeed& need, const SystemMemory& system) {
  if (wish == conf::HugePages::kOff) return {};
  PageChoice pages;
  pages.dpdk = system.huge_free >= need.dpdk;
  // DPDK takes larger pages first.
  const uint64_t larger = system.huge_free - system.huge_free_2m;
  pages.tables = pages.dpdk &&
                 system.huge_free_2m >= need.tables + (need.dpdk > larger ? need.dpdk - larger : 0);
  return pages;
}

Status check_memory(const conf::Config& config, const nat::Settings& settings,
                    const MemoryNeed& need, const SystemMemory& system) {
  const PageChoice pages = choose_pages(config.memory.huge_pages, need, system);
  if (config.memory.huge_pages == conf::HugePages::kOn && !pages.tables) {
    return Error{fmt::format("memory.huge_pages is \"on\": {}; \"auto\" does without",
                             pages_wanted(need, system))};
  }
  const uint64_t wanted = ordinary(need, pages);
  if (wanted <= system.available) return Ok{};
  const uint64_t sessions = largest(config, settings, system);
  return Error{fmt::format(
      "limits.sessions = {} does not fit into memory: tables take {} MB{}, DPDK (memory.megabytes) "
      "{} MB{}, and {} MB are available; {}",
      config.limits.sessions, megabytes(need.tables), pages.tables ? " of reserved pages" : "",
      config.memory.megabytes, pages.dpdk ? " of reserved pages" : "", system.available / kMegabyte,
      sessions == 0
          ? std::string("no smaller number would help: lower limits.bindings, limits.subscribers, "
                        "memory.megabytes or the number of pool addresses")
          : fmt::format("the largest that would fit is {}", sessions))};
}

std::string huge_page_advice(conf::HugePages wish, const MemoryNeed& need,
                             const SystemMemory& system) {
  if (wish != conf::HugePages::kAuto || choose_pages(wish, need, system).tables) return {};
  return pages_wanted(need, system);
}

Status check_memory_idle(const conf::Config& config) {
  SystemMemory system = system_memory().when_idle();
  conf::Config any_pages = config;
  if (config.memory.huge_pages == conf::HugePages::kOn) {
    // What is not reserved yet can be.
    any_pages.memory.huge_pages = conf::HugePages::kOff;
    system.available += system.huge_total;
  }
  const nat::Settings settings = make_settings(config, 0);
  return check_memory(any_pages, settings, memory_need(config, settings), system);
}

std::string huge_page_advice(const conf::Config& config) {
  return huge_page_advice(config.memory.huge_pages, memory_need(config, make_settings(config, 0)),
                          system_memory());
}

}  // namespace isthmus::dataplane
