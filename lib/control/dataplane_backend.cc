// SPDX-License-Identifier: BSD-3-Clause
#include "control/dataplane_backend.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "conf/load.h"
#include "control/log.h"

namespace isthmus::control {

DataplaneBackend::DataplaneBackend(Parts parts, std::shared_ptr<const conf::Config> config,
                                   Facts version)
    : parts_(std::move(parts)), config_(std::move(config)), version_(std::move(version)) {}

std::vector<Figure> DataplaneBackend::dns64_figures() const {
  std::vector<Figure> figures;
  if (parts_.dns64 == nullptr) return figures;
  for (auto& figure : parts_.dns64->figures()) {
    figures.push_back({std::move(figure.name), figure.value, std::move(figure.help)});
  }
  return figures;
}

void DataplaneBackend::dns64_flush_cache() {
  if (parts_.dns64 != nullptr) parts_.dns64->flush_cache();
}

Status DataplaneBackend::reload() {
  auto loaded = conf::load_file(config_->file);
  if (!loaded) return loaded.error();
  const auto& wanted = *loaded;
  const auto fixed = conf::needs_restart(*config_, *wanted);
  if (!fixed.empty()) {
    return Error{
        fmt::format("{}: not applied: {} cannot change while isthmusd runs; restart it, "
                    "or set the old value again",
                    wanted->file, fmt::join(fixed, ", "))};
  }
  if (Status status = apply(*wanted); !status) return status;
  config_ = wanted;
  log_info("configuration {} reloaded", config_->file);
  return Ok{};
}

Status DataplaneBackend::drain_pool(const std::string& name, bool drain) {
  auto changed = std::make_shared<conf::Config>(*config_);
  conf::Pool* found = nullptr;
  for (auto& nat64 : changed->nat64) {
    for (auto& pool : nat64.pools) {
      if (pool.name != name && nat64.name + '/' + pool.name != name) continue;
      if (found != nullptr) {
        return Error{fmt::format("several instances have a pool {}: say INSTANCE/{}", name, name)};
      }
      found = &pool;
    }
  }
  if (found == nullptr) return Error{fmt::format("there is no pool {}", name)};
  found->drain = drain;
  if (Status status = parts_.dataplane.update(*changed); !status) return status;
  config_ = std::move(changed);
  log_info("pool {} {}", name, drain ? "drained" : "undrained");
  return Ok{};
}

// Pool addresses that lie on a link (decision 006).
Status DataplaneBackend::answer_for(const conf::Config& config) {
  if (!parts_.answer_for) return Ok{};
  const auto plan = make_kernel_plan(config);
  return plan ? parts_.answer_for(plan->twins) : Status(plan.error());
}

Status DataplaneBackend::update_dns64(const conf::Config& config) {
  // Both have to agree on which IPv4 addresses the prefix may carry.
  const auto* instance = config.nat64_of_dns64();
  const bool allow_non_global = instance != nullptr && instance->policy.allow_non_global;
  return parts_.dns64->update(config.dns64, allow_non_global);
}

Status DataplaneBackend::apply(const conf::Config& wanted) {
  const auto plan = make_kernel_plan(wanted);
  if (!plan) return plan.error();
  if (const auto kernel = parts_.local_ports ? parts_.local_ports() : std::nullopt) {
    if (Status status = check_local_ports(wanted, *kernel); !status) return status;
  }
  // Before workers lend new addresses, or their first answers find nobody.
  Status status = answer_for(wanted);
  if (status) status = parts_.dataplane.update(wanted);
  if (!status) {
    (void)answer_for(*config_);
    return status;
  }
  if (parts_.dns64 != nullptr) status = update_dns64(wanted);
  if (status) {
    status = parts_.update_routes(plan->routes);
    if (!status && parts_.dns64 != nullptr) (void)update_dns64(*config_);
  }
  if (!status) {
    (void)parts_.dataplane.update(*config_);
    (void)answer_for(*config_);
    return status;
  }
  parts_.neighbors.set_limit(wanted.limits.neighbor_queue);
  set_log_level(wanted.log_level);
  return Ok{};
}

}  // namespace isthmus::control
