// SPDX-License-Identifier: BSD-3-Clause
#include "control/dataplane_backend.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "conf/check.h"
#include "conf/edit.h"
#include "conf/load.h"
#include "control/log.h"
#include "control/mapping_record.h"
#include "control/static_store.h"
#include "dataplane/static_binding.h"
#include "export/exporter_set.h"
#include "net/address_tests.h"

namespace isthmus::control {
namespace {

// What a standard advises against, but an operator may want all the same.
void warn(const conf::Config& config) {
  for (const auto& siit : config.siit) {
    if (siit.overlapping != 0) {
      log_warning(
          "siit {}: {} prefixes of mappings lie in another mapping's; addresses there may "
          "not come back to themselves (RFC 7757 5)",
          siit.name, siit.overlapping);
    }
    const bool hosts = !siit.inside4.empty() && siit.inside4.front().length > 0;
    if (siit.prefix.is_well_known() && hosts) {
      log_warning(
          "siit {}: inside4 gives hosts addresses in 64:ff9b::/96; a prefix of your own is "
          "better (RFC 6052 3.1)",
          siit.name);
    }
  }
}

/// An error of loading without "FILE:LINE: ", or "FILE: ", in front.
std::string without_place(const std::string& error, const std::string& file) {
  if (!error.starts_with(file + ':')) return error;
  auto at = error.find_first_not_of("0123456789", file.size() + 1);
  if (error.compare(at, 1, ":") == 0) ++at;
  return error.substr(error.find_first_not_of(' ', at));
}

}  // namespace

DataplaneBackend::DataplaneBackend(Parts parts, std::shared_ptr<const conf::Config> config,
                                   Facts version)
    : parts_(std::move(parts)),
      config_(std::move(config)),
      file_text_(config_->text),
      version_(std::move(version)) {
  warn(*config_);
  log_mappings(*config_);
}

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

Status DataplaneBackend::take(std::shared_ptr<const conf::Config> wanted) {
  if (Status status = apply(*wanted); !status) return status;
  config_ = std::move(wanted);
  if (parts_.pcp != nullptr) parts_.pcp->update(config_);
  if (parts_.exports != nullptr) parts_.exports->update(config_);
  warn(*config_);
  log_mappings(*config_);
  return Ok{};
}

Status DataplaneBackend::reload() {
  auto loaded = conf::load_file(config_->file);
  if (!loaded) return loaded.error();
  if (const auto fixed = conf::needs_restart(*config_, **loaded); !fixed.empty()) {
    return Error{
        fmt::format("{}: not applied: {} cannot change while isthmusd runs; restart it, "
                    "or set the old value again",
                    config_->file, fmt::join(fixed, ", "))};
  }
  if (Status status = take(*loaded); !status) return status;
  file_text_ = config_->text;
  log_info("configuration {} reloaded", config_->file);
  return Ok{};
}

Status DataplaneBackend::change(const std::string& text) {
  auto loaded = conf::load_text(text, config_->file);
  // Lines of a text that nobody sees would only mislead.
  if (!loaded) return Error{without_place(loaded.error().text, config_->file)};
  if (const auto fixed = conf::needs_restart(*config_, **loaded); !fixed.empty()) {
    return Error{
        fmt::format("{} cannot change while isthmusd runs: write that to {} and restart it",
                    fmt::join(fixed, ", "), config_->file)};
  }
  return take(*loaded);
}

Status DataplaneBackend::drain_pool(const std::string& name, bool drain) {
  std::string found;
  for (std::size_t i = 0; i < config_->nat64.size(); ++i) {
    const auto& nat64 = config_->nat64[i];
    for (std::size_t k = 0; k < nat64.pools.size(); ++k) {
      const auto& pool = nat64.pools[k];
      if (pool.name != name && nat64.name + '/' + pool.name != name) continue;
      if (!found.empty()) {
        return Error{fmt::format("several instances have a pool {}: say INSTANCE/{}", name, name)};
      }
      found = fmt::format("nat64[{}].pools[{}].drain", i, k);
    }
  }
  if (found.empty()) return Error{fmt::format("there is no pool {}", name)};
  const auto text =
      conf::edit_text(config_->text, {conf::EditKind::kSet, found, drain ? "true" : "false"});
  if (!text) return text.error();
  if (Status status = change(*text); !status) return status;
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
  return parts_.dns64->update(config.dns64, dns64::translator_of(config));
}

// The binding in the instance whose pool has its outside address, by the rules of the file.
Result<nat::StaticBinding> DataplaneBackend::place_static(const conf::Static& binding) const {
  for (std::size_t i = 0; i < config_->nat64.size(); ++i) {
    const auto& nat64 = config_->nat64[i];
    for (const auto& pool : nat64.pools) {
      for (const auto& range : pool.ranges) {
        if (!net::contains(range, binding.outside)) continue;
        if (const auto problem = conf::check_static(*config_, nat64, binding, "add static")) {
          return Error{fmt::format("found {}, expected {}", problem->found, problem->expected)};
        }
        return dataplane::make_static(static_cast<uint8_t>(i), binding);
      }
    }
  }
  return Error{net::to_string(binding.outside) + " is in no pool: give an address of one"};
}

Status DataplaneBackend::store_statics() const {
  std::vector<conf::Static> kept;
  for (const auto& entry : parts_.dataplane.statics()) {
    if (!entry.persistent) continue;
    const auto& b = entry.binding;
    const auto protocol = b.protocol == 0    ? conf::StaticProtocol::kAny
                          : b.protocol == 6  ? conf::StaticProtocol::kTcp
                          : b.protocol == 17 ? conf::StaticProtocol::kUdp
                                             : conf::StaticProtocol::kIcmp;
    kept.push_back({protocol, b.inside, b.inside_port.host(), b.outside, b.outside_port.host()});
  }
  return write_statics(config_->control.static_file, kept);
}

Status DataplaneBackend::add_static(const conf::Static& binding, bool persist) {
  const auto placed = place_static(binding);
  if (!placed) return placed.error();
  if (auto added = parts_.dataplane.add_static({*placed, false, persist}); !added) return added;
  if (!persist) return Ok{};
  const auto stored = store_statics();
  if (!stored) (void)parts_.dataplane.remove_static(*placed);
  return stored;
}

Status DataplaneBackend::remove_static(const nat::StaticBinding& outside) {
  if (auto removed = parts_.dataplane.remove_static(outside); !removed) return removed;
  // The file is only touched by those who asked for it.
  const auto known = read_statics(config_->control.static_file);
  return known && known->empty() ? Status(Ok{}) : store_statics();
}

Status DataplaneBackend::load_statics() {
  const auto& path = config_->control.static_file;
  const auto stored = read_statics(path);
  if (!stored) return stored.error();
  for (const auto& [binding, line] : *stored) {
    const auto placed = place_static(binding);
    auto status = placed ? parts_.dataplane.add_static({*placed, false, true}) : placed.error();
    if (!status) return Error{fmt::format("{}:{}: {}", path, line, status.error().text)};
  }
  return Ok{};
}

// All of it or nothing. The dataplane comes last: pool addresses that leave take their sessions
// along, which nothing would bring back.
Status DataplaneBackend::update_parts(const conf::Config& wanted,
                                      const std::vector<RoutePlan>& routes) {
  Status status = Ok{};
  if (parts_.dns64 != nullptr) status = update_dns64(wanted);
  if (!status) return status;
  status = parts_.update_routes(routes);
  if (status) {
    status = parts_.dataplane.update(wanted);
    const auto old = make_kernel_plan(*config_);
    if (!status && old) (void)parts_.update_routes(old->routes);
  }
  if (!status && parts_.dns64 != nullptr) (void)update_dns64(*config_);
  return status;
}

Status DataplaneBackend::apply(const conf::Config& wanted) {
  const auto plan = make_kernel_plan(wanted);
  if (!plan) return plan.error();
  if (const auto kernel = parts_.local_ports ? parts_.local_ports() : std::nullopt) {
    if (Status status = check_local_ports(wanted, *kernel); !status) return status;
  }
  // Before workers lend new addresses, or their first answers find nobody.
  Status status = answer_for(wanted);
  if (status) status = update_parts(wanted, plan->routes);
  if (!status) {
    (void)answer_for(*config_);
    return status;
  }
  parts_.neighbors.set_limit(wanted.limits.neighbor_queue);
  set_log_level(wanted.log_level);
  return Ok{};
}

}  // namespace isthmus::control
