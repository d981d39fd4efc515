// SPDX-License-Identifier: BSD-3-Clause
#include "control/commands.h"

#include <algorithm>
#include <chrono>

#include "control/command_capture.h"
#include "control/command_complete.h"
#include "control/command_config.h"
#include "control/command_dns64.h"
#include "control/command_export.h"
#include "control/command_health.h"
#include "control/command_pcp.h"
#include "control/command_show.h"
#include "control/command_siit.h"
#include "control/command_simulate.h"
#include "control/command_static.h"
#include "control/command_walk.h"
#include "control/command_who.h"
#include "control/json.h"

namespace isthmus::control {
namespace {

Json explain(const Command& command) {
  Json arguments = Json::array();
  for (const auto& argument : command.arguments) {
    arguments.push_back({{"argument", argument.word}, {"help", argument.help}});
  }
  Json out{{"usage", usage(command)}, {"help", command.help}, {"answer", command.answer}};
  if (!arguments.empty()) out["arguments"] = std::move(arguments);
  return out;
}

/// Commands that begin with `word`; all of them if it is empty.
Json list_commands(std::string_view word) {
  Json list = Json::array();
  for (const auto& command : commands()) {
    if (!split_words(command.path).front().starts_with(word)) continue;
    list.push_back({{"command", command.path}, {"help", command.help}});
  }
  return list;
}

Answer help(const Request& request) {
  const auto words = split_words(request.rest);
  if (words.empty()) return answer({{"commands", list_commands("")}});
  const auto parsed = parse_request(request.rest);
  if (const auto* about = std::get_if<Request>(&parsed)) return answer(explain(*about->command));
  if (auto list = list_commands(words[0]); words.size() == 1 && !list.empty()) {
    return answer({{"commands", std::move(list)}});
  }
  return {{}, {}, std::get<Complaint>(parsed)};
}

uint64_t unix_ms() {
  using std::chrono::milliseconds;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<milliseconds>(now).count());
}

}  // namespace

Commands::Commands(Backend& backend, StateWalk& walk)
    : backend_(backend),
      walk_(walk),
      captures_(std::make_unique<CaptureDesk>()),
      heartbeat_(std::make_unique<Heartbeat>()) {}
Commands::~Commands() = default;

void Commands::tick() {
  captures_->sweep(CaptureDesk::Clock::now());
  heartbeat_->look(backend_.dataplane(), Heartbeat::Clock::now());
}

Answer Commands::look_at_health(const Request& request) {
  const auto now = Heartbeat::Clock::now();
  heartbeat_->look(backend_.dataplane(), now);
  return health(backend_, walk_, *heartbeat_, now, request);
}

std::string Commands::greeting() const {
  std::string version;
  for (const auto& [name, value] : backend_.version()) {
    if (name == "version") version = value;
  }
  return to_line({{"isthmus", version}, {"api", kApiVersion}});
}

std::string status_line(const std::optional<Complaint>& complaint) {
  if (!complaint) return to_line({{"status", "ok"}});
  return to_line({{"status", "error"}, {"error", complaint->error}, {"hint", complaint->hint}});
}

telemetry::Counters Commands::total() const {
  telemetry::Counters sum;
  auto& dataplane = backend_.dataplane();
  for (unsigned worker = 0; worker < dataplane.workers(); ++worker) {
    const auto counters = dataplane.counters(worker);
    for (std::size_t i = 0; i < sum.value.size(); ++i) sum.value[i] += counters.value[i];
    for (std::size_t i = 0; i < sum.drop.size(); ++i) sum.drop[i] += counters.drop[i];
  }
  // These waited with the control core, outside the workers' books.
  sum.add_drop(telemetry::DropReason::kNeighborFailed, backend_.neighbor_queue().dropped);
  return sum;
}

Answer Commands::show_counters(const Request& request) const {
  const auto now = total();
  Json list = Json::array();
  for (std::size_t i = 0; i < telemetry::kCounterCount; ++i) {
    const auto counter = static_cast<telemetry::Counter>(i);
    const uint64_t value = now.get(counter) - baseline_.get(counter);
    if (value == 0 && !request.all) continue;
    list.push_back(
        {{"name", telemetry::name(counter)}, {"value", value}, {"help", telemetry::help(counter)}});
  }
  return answer({{"counters", std::move(list)}});
}

Answer Commands::show_drops(const Request& request) const {
  const auto now = total();
  Json list = Json::array();
  for (std::size_t i = 1; i < telemetry::kDropReasonCount; ++i) {
    const auto reason = static_cast<telemetry::DropReason>(i);
    const uint64_t packets = now.get(reason) - baseline_.get(reason);
    if (packets == 0 && !request.all) continue;
    list.push_back({{"reason", telemetry::name(reason)},
                    {"packets", packets},
                    {"help", telemetry::help(reason)}});
  }
  return answer({{"drops", std::move(list)}});
}

Answer Commands::show_top_drops(const Request& request) const {
  const auto now = total();
  std::vector<std::pair<uint64_t, telemetry::DropReason>> drops;
  for (std::size_t i = 1; i < telemetry::kDropReasonCount; ++i) {
    const auto reason = static_cast<telemetry::DropReason>(i);
    const uint64_t packets = now.get(reason) - baseline_.get(reason);
    if (packets != 0) drops.emplace_back(packets, reason);
  }
  std::stable_sort(drops.begin(), drops.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  drops.resize(std::min<uint64_t>(drops.size(), request.limit.value_or(kTopByDefault)));
  Json list = Json::array();
  for (const auto& [packets, reason] : drops) {
    list.push_back({{"reason", telemetry::name(reason)},
                    {"packets", packets},
                    {"help", telemetry::help(reason)}});
  }
  return answer({{"drops", std::move(list)}});
}

// What a group would not see, or would make worthless, waits until it has ended.
Answer Commands::run_change(const Request& request, Session& session) {
  if (session.group) {
    return failure("a group is open", "\"commit\" applies it, \"abort\" forgets it");
  }
  switch (request.command->action) {
    case Action::kDrainPool: return drain_pool(backend_, request, true);
    case Action::kUndrainPool: return drain_pool(backend_, request, false);
    case Action::kSave: return save_config(backend_, request);
    default: return reload_config(backend_);
  }
}

Answer Commands::run(const Request& request, Session& session) {
  switch (request.command->action) {
    case Action::kShowVersion: return show_version(backend_);
    case Action::kShowPorts: return show_ports(backend_);
    case Action::kShowInterfaces: return show_interfaces(backend_);
    case Action::kShowWorkers: return show_workers(backend_, walk_);
    case Action::kShowCounters: return show_counters(request);
    case Action::kShowDrops: return show_drops(request);
    case Action::kShowPools: return show_pools(backend_, walk_);
    case Action::kShowSiit: return show_siit(backend_);
    case Action::kShowEam: return show_eam(backend_, request);
    case Action::kShowPcp: return show_pcp(backend_);
    case Action::kShowExport: return show_export(backend_);
    case Action::kShowMappings: return show_mappings(backend_, request);
    case Action::kShowRoutes: return show_routes(backend_);
    case Action::kShowNeighbors: return show_neighbors(backend_);
    case Action::kShowSteering: return show_steering(backend_);
    case Action::kShowDns64: return show_dns64(backend_, request);
    case Action::kShowConfig: return show_config(backend_, session, request);
    case Action::kShowMemory: return show_memory(backend_, walk_);
    case Action::kHealth: return look_at_health(request);
    case Action::kShowSessions: return dump_sessions(backend_, walk_, request);
    case Action::kShowSubscribers: return dump_subscribers(backend_, walk_, request);
    case Action::kShowTopSubscribers: return top_subscribers(backend_, walk_, request);
    case Action::kShowTopPools: return show_top_pools(backend_, walk_, request);
    case Action::kShowTopDrops: return show_top_drops(request);
    case Action::kShowBlocks: return dump_blocks(backend_, walk_, request);
    case Action::kDeterministic: return deterministic(backend_, request);
    case Action::kWho: return who(backend_, walk_, request, unix_ms());
    case Action::kDrainPool:
    case Action::kUndrainPool:
    case Action::kSave:
    case Action::kReload: return run_change(request, session);
    case Action::kSet:
    case Action::kAdd:
    case Action::kRemove: return change_config(backend_, session, request);
    case Action::kBegin: return begin_group(backend_, session);
    case Action::kCommit: return commit_group(backend_, session, request);
    case Action::kAbort: return abort_group(session);
    case Action::kAddStatic: return add_static(backend_, request);
    case Action::kRemoveStatic: return remove_static(backend_, request);
    case Action::kShowBindings:
      if (request.statics) return show_statics(backend_, request);
      return dump_bindings(backend_, walk_, request);
    case Action::kClearSessions: return clear_sessions(walk_, request);
    case Action::kClearBindings: return clear_bindings(walk_, request);
    case Action::kClearCounters: baseline_ = total(); return answer({{"cleared", "counters"}});
    case Action::kClearDns64Cache: return clear_dns64_cache(backend_, request);
    case Action::kDns64Query: return query_dns64(backend_, request);
    case Action::kCapture: return captures_->run(backend_, request, CaptureDesk::Clock::now());
    case Action::kTrace: return captures_->run_trace(backend_, request, CaptureDesk::Clock::now());
    case Action::kSimulate: return simulate(backend_, request);
    case Action::kWatch:
    case Action::kTop: return failure("that is drawn by isthmusctl", "run it there");
    case Action::kHelp: return help(request);
    case Action::kComplete: {
      auto words = complete(request.rest);
      for (auto& word : complete_change(*backend_.config(), request.rest)) {
        words.push_back(std::move(word));
      }
      for (auto& word : complete_names(*backend_.config(), request.rest)) {
        words.push_back(std::move(word));
      }
      return answer({{"words", std::move(words)}});
    }
  }
  return failure("command without handler", "report this");
}

}  // namespace isthmus::control
