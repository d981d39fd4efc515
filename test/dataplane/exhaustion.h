// SPDX-License-Identifier: BSD-3-Clause
// Exhaustion is a normal day: whatever is full, flows that there are do not notice, new ones are
// refused as the standard says and at a bounded rate, what is told about it is bounded, and room
// that returns is used at once. Every packet is counted once, under the right name.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "catch.h"
#include "dataplane/flows.h"
#include "net/headers.h"

namespace isthmus::test::exhaustion {

using telemetry::DropReason;

/// A second, of each worker; also the burst (RFC 4443 2.4 f).
inline constexpr unsigned kErrors = 10;
inline constexpr uint32_t kUdpGone = 302'000;

using Configure = std::function<void(conf::Config&)>;

inline PipelineOptions options(unsigned workers, Configure configure) {
  PipelineOptions options{.workers = workers, .pool_addresses = workers};
  options.configure = [=](conf::Config& config) {
    config.limits.icmp_errors_per_second = kErrors * workers;
    config.nat64[0].pools[0].hold_down = 0;
    configure(config);
  };
  return options;
}

// Eight cells for each worker and protocol.
inline void eight_ports(conf::Config& config) {
  config.nat64[0].pools[0].first_port = 2000;
  config.nat64[0].pools[0].last_port = 2007;
}

inline Flow flow_of(const std::string& host, unsigned port, Flow::Kind kind = Flow::kUdp) {
  return {kind, host, static_cast<uint16_t>(port)};
}

// Refusals come as fast as packets do. The others live on between them, errors are sent at the rate
// that is allowed, and of events there are few, which say how many refusals they stand for.
template <class Fresh>
void refuses(FlowRig& rig, const std::vector<std::vector<Flow>>& flows, Fresh fresh,
             DropReason reason, nat::EventKind kind) {
  constexpr unsigned kMany = 30;
  rig.events();
  const auto before = rig.tables();
  for (unsigned worker = 0; worker < rig.workers(); ++worker) {
    for (unsigned i = 0; i < kMany; ++i) {
      const Flow flow = fresh(worker, i);
      i < kErrors ? rig.refused(flow, reason) : rig.refused_silently(flow);
      rig.lives(flows[worker][i % flows[worker].size()]);
    }
  }
  auto told = rig.events();
  CHECK(told.size() == 1);
  CHECK(told[kind].events == nat::Events::kRefusalsPerSecond * rig.workers());
  CHECK(told[kind].refusals == nat::Events::kRefusalsPerSecond * rig.workers());
  CHECK(rig.let_pass(1000).nothing());
  for (unsigned worker = 0; worker < rig.workers(); ++worker) {
    rig.refused(fresh(worker, kMany), reason);
  }
  told = rig.events();
  CHECK(told[kind].events == rig.workers());
  CHECK(told[kind].refusals == (kMany + 1 - nat::Events::kRefusalsPerSecond) * rig.workers());
  // Nothing that was refused left anything behind.
  CHECK(rig.tables().sessions == before.sessions);
  CHECK(rig.tables().bindings == before.bindings);
  CHECK(rig.tables().subscribers == before.subscribers);
  rig.check_counters();
}

template <class Fresh>
void used_again(FlowRig& rig, Fresh fresh, FlowRig::Made made = {1, 1}) {
  for (unsigned worker = 0; worker < rig.workers(); ++worker) {
    rig.lives(rig.open(fresh(worker, 99), made));
  }
  rig.check_counters();
}

// For each worker the flows of so many subscribers, with ports from 5000 on.
inline std::vector<std::vector<Flow>> open_flows(FlowRig& rig, unsigned subscribers, unsigned ports,
                                                 Flow::Kind kind = Flow::kUdp) {
  std::vector<std::vector<Flow>> flows(rig.workers());
  for (unsigned worker = 0; worker < rig.workers(); ++worker) {
    for (unsigned n = 0; n < subscribers; ++n) {
      for (unsigned port = 5000; port < 5000 + ports; ++port) {
        flows[worker].push_back(rig.open(flow_of(rig.host_of(worker, n), port, kind)));
      }
    }
  }
  return flows;
}

inline void remove_one(FlowRig& rig, const Flow& flow) {
  constexpr uint8_t kProtocols[] = {net::kProtoUdp, net::kProtoTcp, net::kProtoIcmp4};
  nat::Filter filter;
  filter.outside = net::Ip4Prefix{*net::parse_ip4(flow.address), 32};
  filter.outside_port = flow.outside;
  filter.protocol = kProtocols[flow.kind];
  rig.clear(filter);
  rig.ended(1, 1);
}

}  // namespace isthmus::test::exhaustion
