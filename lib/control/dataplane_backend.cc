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

Status DataplaneBackend::update_dns64(const conf::Config& config) {
  // Both have to agree on which IPv4 addresses the prefix may carry.
  const auto* instance = config.nat64_of_dns64();
  const bool allow_non_global = instance != nullptr && instance->policy.allow_non_global;
  return parts_.dns64->update(config.dns64, allow_non_global);
}

Status DataplaneBackend::apply(const conf::Config& wanted) {
  const auto plan = make_kernel_plan(wanted);
  if (!plan) return plan.error();
  Status status = parts_.dataplane.update(wanted);
  if (!status) return status;
  if (parts_.dns64 != nullptr) status = update_dns64(wanted);
  if (status) {
    status = parts_.update_routes(plan->routes);
    if (!status && parts_.dns64 != nullptr) (void)update_dns64(*config_);
  }
  if (!status) {
    (void)parts_.dataplane.update(*config_);
    return status;
  }
  parts_.neighbors.set_limit(wanted.limits.neighbor_queue);
  set_log_level(wanted.log_level);
  return Ok{};
}

}  // namespace isthmus::control
