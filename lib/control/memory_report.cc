// SPDX-License-Identifier: BSD-3-Clause
#include "control/memory_report.h"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <map>

namespace isthmus::control {
namespace {

/// What malloc() has from the kernel: the DNS cache, EAM tables, everything that is a C++
/// container.
uint64_t heap_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.arena + info.hblkhd;
}

uint64_t megabytes(uint64_t bytes) {
  return (bytes + (uint64_t{1} << 19)) >> 20;
}

}  // namespace

uint64_t MemoryReport::sum() const {
  uint64_t bytes = 0;
  for (const auto& row : rows) bytes += row.part.bytes;
  return bytes;
}

Result<MemoryReport> report_memory(Backend& backend, StateWalk& walk) {
  MemoryReport report;
  for (unsigned worker = 0; worker < walk.workers(); ++worker) {
    const auto info = walk.memory(worker);
    if (!info) return Error{fmt::format("worker {}: {}", worker, info.error().text)};
    for (unsigned i = 0; i < info->count; ++i) {
      const nat::MemoryPart& part = info->parts[i];
      report.rows.push_back(
          {fmt::format("worker {}", worker), {part.name, part.bytes, part.capacity, part.used}});
    }
  }
  for (auto& part : backend.dataplane().memory()) {
    report.rows.push_back({"dataplane", std::move(part)});
  }
  report.process = backend.dataplane().process_memory();
  const uint64_t heap = heap_bytes();
  dataplane::MemoryPart cache{"DNS cache", 0, backend.config()->dns64.cache_entries, 0};
  for (const auto& figure : backend.dns64_figures()) {
    if (figure.name == "cache-bytes") cache.bytes = figure.value;
    if (figure.name == "cache-entries") cache.used = figure.value;
  }
  if (backend.dns64() != nullptr) report.rows.push_back({"control", cache});
  report.rows.push_back({"control", {"heap", heap > cache.bytes ? heap - cache.bytes : 0, 0, 0}});
  report.rows.push_back({"control", {"program and libraries", report.process.files, 0, 0}});
  return report;
}

std::string memory_summary(const MemoryReport& report) {
  std::map<std::string, uint64_t> by_name;
  for (const auto& row : report.rows) by_name[row.part.name] += row.part.bytes;
  std::vector<std::pair<uint64_t, std::string>> parts;
  for (const auto& [name, bytes] : by_name) parts.emplace_back(bytes, name);
  std::sort(parts.rbegin(), parts.rend());
  // What is too small to matter is told as one.
  constexpr uint64_t kSmall = uint64_t{1} << 20;
  std::string text;
  uint64_t rest = 0;
  for (const auto& [bytes, name] : parts) {
    if (bytes < kSmall) {
      rest += bytes;
      continue;
    }
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, megabytes(bytes));
  }
  return fmt::format(
      "memory: {} MB: {}, others {}; {} MB are present, {} in reserved huge pages, {} "
      "in transparent ones",
      megabytes(report.sum()), text, megabytes(rest), megabytes(report.process.resident),
      megabytes(report.process.reserved_huge), megabytes(report.process.transparent_huge));
}

}  // namespace isthmus::control
