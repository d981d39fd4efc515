// SPDX-License-Identifier: BSD-3-Clause
// The running daemon as commands see it.
//
// Theory of operation. Owns the configuration in force. A reload and a change by command go the
// same way: take() checks all that can be checked, then changes one part after the other; when a
// part refuses, those before it get the running configuration back, so that a failed reload leaves
// no trace.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "control/backend.h"
#include "control/local_ports.h"
#include "control/neighbor_queue.h"
#include "control/pcp_service.h"
#include "control/twin_plan.h"
#include "dns64/service.h"

namespace isthmus::control {

class DataplaneBackend final : public Backend {
 public:
  struct Parts {
    dataplane::Dataplane& dataplane;
    NeighborQueue& neighbors;
    dns64::Control* dns64 = nullptr;  ///< nullptr: disabled
    std::function<std::vector<TwinInfo>()> twins;
    std::function<Status(const std::vector<RoutePlan>&)> update_routes;
    /// Makes the kernel answer for exactly the pool addresses of these twins.
    std::function<Status(const std::vector<TwinPlan>&)> answer_for = {};
    std::function<std::optional<LocalPorts>()> local_ports = {};
    PcpService* pcp = nullptr;  ///< nullptr: disabled
    exporter::ExporterSet* exports = nullptr;
  };
  using Facts = std::vector<std::pair<std::string, std::string>>;

  DataplaneBackend(Parts parts, std::shared_ptr<const conf::Config> config, Facts version);

  dataplane::Dataplane& dataplane() override { return parts_.dataplane; }
  std::shared_ptr<const conf::Config> config() const override { return config_; }
  std::vector<TwinInfo> twins() const override { return parts_.twins(); }
  NeighborQueueInfo neighbor_queue() const override { return parts_.neighbors.info(); }
  std::vector<Figure> dns64_figures() const override;
  void dns64_flush_cache() override;
  const pcp::Server* pcp() const override {
    return parts_.pcp == nullptr ? nullptr : &parts_.pcp->server();
  }
  dns64::Control* dns64() override { return parts_.dns64; }
  const exporter::ExporterSet* exports() const override { return parts_.exports; }
  Facts version() const override { return version_; }
  Status add_static(const conf::Static& binding, bool persist) override;
  Status remove_static(const nat::StaticBinding& outside) override;
  Status reload() override;
  Status change(const std::string& text) override;
  const std::string& file_text() const override { return file_text_; }
  void set_file_text(std::string text) override { file_text_ = std::move(text); }
  Status drain_pool(const std::string& name, bool drain) override;

  /// At start: the static bindings that were to outlive a restart.
  Status load_statics();

 private:
  Status take(std::shared_ptr<const conf::Config> wanted);
  Status apply(const conf::Config& wanted);
  Status update_parts(const conf::Config& wanted, const std::vector<RoutePlan>& routes);
  Status answer_for(const conf::Config& config);
  Status update_dns64(const conf::Config& config);
  Result<nat::StaticBinding> place_static(const conf::Static& binding) const;
  Status store_statics() const;

  Parts parts_;
  std::shared_ptr<const conf::Config> config_;
  std::string file_text_;
  Facts version_;
};

}  // namespace isthmus::control
