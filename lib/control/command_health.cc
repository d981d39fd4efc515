// SPDX-License-Identifier: BSD-3-Clause
#include "control/command_health.h"

#include <algorithm>

#include <fmt/format.h>

#include "control/json.h"
#include "control/pool_watch.h"
#include "dns64/service.h"

namespace isthmus::control {
namespace {

enum class Health : uint8_t { kHealthy, kDegraded, kFailed };

std::string_view word_of(Health health) {
  switch (health) {
    case Health::kHealthy: return "healthy";
    case Health::kDegraded: return "degraded";
    case Health::kFailed: return "failed";
  }
  return "unknown";
}

struct Check {
  std::string name;
  Health health = Health::kHealthy;
  std::string text;

  void worsen(Health by, const std::string& why) {
    text = health == Health::kHealthy ? why : text + ", " + why;
    health = std::max(health, by);
  }
};

Check check_workers(Backend& backend, const Heartbeat& heartbeat,
                    Heartbeat::Clock::time_point now) {
  const unsigned count = backend.dataplane().workers();
  Check check{"workers", {}, fmt::format("{} turning", count)};
  for (unsigned worker = 0; worker < count; ++worker) {
    if (heartbeat.beats(worker, now)) continue;
    check.worsen(Health::kFailed, fmt::format("worker {} has not turned for {} s", worker,
                                              heartbeat.silence(worker, now).count()));
  }
  return check;
}

Check check_ports(Backend& backend) {
  const auto ports = backend.dataplane().port_info();
  Check check{"ports", {}, fmt::format("{} up", ports.size())};
  for (const auto& port : ports) {
    if (!port.link_up) check.worsen(Health::kFailed, fmt::format("{} has no link", port.name));
    for (const auto& member : port.members) {
      if (member.link_up) continue;
      check.worsen(Health::kDegraded,
                   fmt::format("{} of {} has no link", member.device, port.name));
    }
  }
  return check;
}

/// Why a pool makes no new bindings; empty: it does. Who has a port block may go on when no more
/// are to be had, but nobody new comes in.
std::string closed(const conf::Pool& pool, const nat::PoolInfo& sum) {
  if (pool.drain) return "drained";
  const bool full = sum.blocks != 0
                        ? sum.blocks_granted >= sum.blocks
                        : sum.capacity != 0 && std::max(sum.used_tcp, sum.used_udp) >= sum.capacity;
  return full ? "exhausted" : "";
}

// One instance without a pool is that instance's trouble; withdrawing all of the gateway would make
// it everybody's. And who is full still carries its sessions: gone, it would end them and bring the
// next gateway the load that this one could not bear. So only the operator's word fails: all
// drained.
Check check_pools(Backend& backend, StateWalk& walk) {
  Check check{"pools", {}, {}};
  const auto config = backend.config();
  const auto sums = sum_of_pools(*config, walk);
  if (!sums) {
    check.worsen(Health::kFailed, sums.error().text);
    return check;
  }
  std::size_t pools = 0, open = 0, drained = 0;
  for (std::size_t instance = 0; instance < config->nat64.size(); ++instance) {
    const auto& nat64 = config->nat64[instance];
    std::string why;
    std::size_t open_here = 0;
    for (const auto& sum : *sums) {
      if (sum.instance != instance) continue;
      ++pools;
      drained += nat64.pools[sum.pool].drain;
      const auto reason = closed(nat64.pools[sum.pool], sum);
      if (reason.empty()) {
        ++open_here;
      } else {
        why += fmt::format("{}{}/{} {}", why.empty() ? "" : ", ", nat64.name,
                           nat64.pools[sum.pool].name, reason);
      }
    }
    open += open_here;
    if (open_here == 0 && !why.empty()) check.worsen(Health::kDegraded, why);
  }
  if (pools != 0 && drained == pools) check.health = Health::kFailed;
  if (check.health == Health::kHealthy) check.text = fmt::format("{} of {} open", open, pools);
  return check;
}

// Full ones degrade, as exhausted pools do.
Check check_tables(StateWalk& walk) {
  Check check{"tables", {}, "room in all"};
  for (unsigned worker = 0; worker < walk.workers(); ++worker) {
    const auto tables = walk.tables(worker);
    if (!tables) {
      check.worsen(Health::kFailed, fmt::format("worker {}: {}", worker, tables.error().text));
      continue;
    }
    const auto look = [&](const char* what, uint64_t used, uint64_t capacity) {
      if (capacity == 0 || used < capacity) return;
      check.worsen(Health::kDegraded, fmt::format("{} of worker {} full", what, worker));
    };
    look("sessions", tables->sessions, tables->session_capacity);
    look("bindings", tables->bindings, tables->binding_capacity);
    look("subscribers", tables->subscribers, tables->subscriber_capacity);
  }
  return check;
}

// Those of names that are forwarded elsewhere are not what a gateway fails by.
Check check_dns64(const dns64::Control& service, bool counts) {
  Check check{"dns64", {}, {}};
  unsigned common = 0, common_down = 0, all = 0;
  for (const auto& row : service.upstreams()) {
    ++all;
    const bool is_common = row.zone == ".";
    common += is_common;
    if (!row.info.down) continue;
    common_down += is_common;
    check.worsen(Health::kDegraded, fmt::format("upstream {} down", row.address));
  }
  if (counts && common != 0 && common == common_down) check.health = Health::kFailed;
  const auto cores = service.cores();
  for (std::size_t i = 0; i < cores.size(); ++i) {
    if (cores[i].turns) continue;
    check.worsen(counts ? Health::kFailed : Health::kDegraded,
                 fmt::format("DNS core {} does not answer", i));
  }
  if (check.health == Health::kHealthy) check.text = fmt::format("{} upstreams up", all);
  return check;
}

}  // namespace

void Heartbeat::look(const dataplane::Dataplane& dataplane, Clock::time_point now) {
  const unsigned count = dataplane.workers();
  if (seen_.size() != count) seen_.assign(count, {0, now});
  for (unsigned worker = 0; worker < count; ++worker) {
    const uint64_t loops = dataplane.worker_info(worker).loops;
    if (loops != seen_[worker].loops) seen_[worker] = {loops, now};
  }
}

bool Heartbeat::beats(unsigned worker, Clock::time_point now) const {
  if (worker >= seen_.size() || seen_[worker].loops == 0) return false;
  return now - seen_[worker].when < kPatience;
}

std::chrono::seconds Heartbeat::silence(unsigned worker, Clock::time_point now) const {
  if (worker >= seen_.size()) return {};
  return std::chrono::duration_cast<std::chrono::seconds>(now - seen_[worker].when);
}

Answer health(Backend& backend, StateWalk& walk, const Heartbeat& heartbeat,
              Heartbeat::Clock::time_point now, const Request& request) {
  std::vector<Check> checks{check_workers(backend, heartbeat, now), check_ports(backend)};
  if (checks.front().health == Health::kHealthy) {
    checks.push_back(check_tables(walk));
    if (!backend.config()->nat64.empty()) checks.push_back(check_pools(backend, walk));
  }
  if (const auto* service = backend.dns64()) {
    checks.push_back(check_dns64(*service, request.part == "--dns"));
  } else if (request.part == "--dns") {
    checks.push_back({"dns64", Health::kFailed, "not configured"});
  }
  Health worst = Health::kHealthy;
  for (const auto& check : checks) worst = std::max(worst, check.health);
  std::string why;
  Json list = Json::array();
  for (const auto& check : checks) {
    list.push_back(
        {{"check", check.name}, {"health", word_of(check.health)}, {"text", check.text}});
    // What failed, or what is degraded, or else all: what is worst explains the word.
    if (check.health != worst) continue;
    why += fmt::format("{}{}: {}", why.empty() ? "" : "; ", check.name, check.text);
  }
  return answer({{"health", word_of(worst)}, {"why", why}, {"checks", std::move(list)}});
}

}  // namespace isthmus::control
