// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/telemetry_socket.h"

#include <rte_telemetry.h>
#include <rte_version.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/engine.h"
#include "telemetry/drop_reason.h"

namespace isthmus::dataplane {
namespace {

std::mutex guard;
Engine* asked = nullptr;

void add(rte_tel_data* out, std::string name, uint64_t value) {
  // Names of a dictionary have no hyphens.
  std::replace(name.begin(), name.end(), '-', '_');
#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
  rte_tel_data_add_dict_uint(out, name.c_str(), value);
#else
  rte_tel_data_add_dict_u64(out, name.c_str(), value);
#endif
}

/// All workers' counters summed, or those of the worker that `params` names.
std::optional<telemetry::Counters> counters_of(const Engine& engine, const char* params) {
  const std::string_view wanted = params == nullptr ? "" : params;
  unsigned first = 0;
  unsigned last = engine.workers();
  if (!wanted.empty()) {
    const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), first);
    if (error != std::errc{} || end != wanted.data() + wanted.size() || first >= last) return {};
    last = first + 1;
  }
  telemetry::Counters sum;
  for (unsigned worker = first; worker < last; ++worker) {
    const auto counters = engine.counters(worker);
    for (std::size_t i = 0; i < sum.value.size(); ++i) sum.value[i] += counters.value[i];
    for (std::size_t i = 0; i < sum.drop.size(); ++i) sum.drop[i] += counters.drop[i];
  }
  return sum;
}

/// Counters or drop reasons, from kFirst on.
template <class Kind, std::size_t kFirst, std::size_t kEnd>
int answer_counts(const char*, const char* params, rte_tel_data* out) {
  const std::lock_guard lock(guard);
  if (asked == nullptr) return -ENODEV;
  const auto counters = counters_of(*asked, params);
  if (!counters) return -EINVAL;
  rte_tel_data_start_dict(out);
  for (std::size_t i = kFirst; i < kEnd; ++i) {
    const auto kind = static_cast<Kind>(i);
    add(out, std::string(telemetry::name(kind)), counters->get(kind));
  }
  return 0;
}
constexpr auto answer_counters = answer_counts<Counter, 0, telemetry::kCounterCount>;
constexpr auto answer_drops = answer_counts<DropReason, 1, telemetry::kDropReasonCount>;

int answer_workers(const char*, const char*, rte_tel_data* out) {
  const std::lock_guard lock(guard);
  if (asked == nullptr) return -ENODEV;
  rte_tel_data_start_dict(out);
  for (unsigned id = 0; id < asked->workers(); ++id) {
    rte_tel_data* row = rte_tel_data_alloc();
    if (row == nullptr) return -ENOMEM;
    rte_tel_data_start_dict(row);
    const auto loop = asked->loop_of(id);
    add(row, "packets", loop.packets);
    add(row, "loops", loop.loops);
    add(row, "busy_loops", loop.busy_loops);
    add(row, "busy_cycles", loop.busy_cycles);
    add(row, "total_cycles", loop.total_cycles);
    rte_tel_data_add_dict_container(out, std::to_string(id).c_str(), row, 0);
  }
  return 0;
}

int answer_rings(const char*, const char*, rte_tel_data* out) {
  const std::lock_guard lock(guard);
  if (asked == nullptr) return -ENODEV;
  rte_tel_data_start_dict(out);
  for (const auto& ring : asked->ring_info()) {
    rte_tel_data* row = rte_tel_data_alloc();
    if (row == nullptr) return -ENOMEM;
    rte_tel_data_start_dict(row);
    add(row, "used", ring.used);
    add(row, "capacity", ring.capacity);
    rte_tel_data_add_dict_container(out, (ring.ring + '/' + std::to_string(ring.worker)).c_str(),
                                    row, 0);
  }
  return 0;
}

void register_once() {
  static bool done = false;
  if (done) return;
  done = true;
  rte_telemetry_register_cmd("/isthmus/workers", answer_workers,
                             "What each worker's loop did. Takes no parameters");
  rte_telemetry_register_cmd("/isthmus/counters", answer_counters,
                             "Counters, summed. Parameter: a worker, for its own");
  rte_telemetry_register_cmd("/isthmus/drops", answer_drops,
                             "Packets dropped, by reason. Parameter: a worker, for its own");
  rte_telemetry_register_cmd("/isthmus/rings", answer_rings,
                             "How full rings from and to workers are. Takes no parameters");
}

}  // namespace

TelemetrySocket::TelemetrySocket(Engine& engine) {
  const std::lock_guard lock(guard);
  register_once();
  asked = &engine;
}

TelemetrySocket::~TelemetrySocket() {
  const std::lock_guard lock(guard);
  asked = nullptr;
}

}  // namespace isthmus::dataplane
