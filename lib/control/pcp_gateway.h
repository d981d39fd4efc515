// SPDX-License-Identifier: BSD-3-Clause
// The translator as PCP knows it: which instance a client belongs to, and the worker that has it.
#pragma once

#include <memory>

#include "conf/config.h"
#include "dataplane/dataplane.h"
#include "pcp/server.h"

namespace isthmus::control {

class PcpGateway final : public pcp::Gateway {
 public:
  PcpGateway(dataplane::Dataplane& dataplane, std::shared_ptr<const conf::Config> config)
      : dataplane_(dataplane), config_(std::move(config)) {}

  std::variant<pcp::External, pcp::Code> lease(const pcp::Wish& wish) override;
  void release(const pcp::Internal& internal) override;
  pcp::Known known(const pcp::Internal& internal) override;
  std::vector<net::Prefix6052> prefixes(const net::Ip6& client) override;

  const conf::Config& config() const { return *config_; }
  void set_config(std::shared_ptr<const conf::Config> config) { config_ = std::move(config); }

 private:
  /// The stateful instance that translates for `client`: the one whose `sources` hold it, else the
  /// first that serves everybody.
  std::optional<std::size_t> instance_of(const net::Ip6& client) const;
  std::optional<nat::LeaseWish> wish_of(const pcp::Internal& internal) const;

  dataplane::Dataplane& dataplane_;
  std::shared_ptr<const conf::Config> config_;
};

/// Whether a reload takes `address` out of the pool that has it, be it for another one: what was
/// lent of it is over then.
bool leaves_pool(const conf::Config& before, const conf::Config& wanted, net::Ip4 address);

}  // namespace isthmus::control
