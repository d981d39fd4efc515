// SPDX-License-Identifier: BSD-3-Clause
// What becomes of punted packets.
//
// Theory of operation. Workers punt three kinds: packets for the box go to the interface's twin;
// packets whose next hop is unresolved wait in the neighbor queue; DNS queries go to the DNS64
// service (control/dns_front.h), unless DNS cores have it (control/dns_cores.h), where workers send
// them then.
// The service must be destroyed before this object, since its replies refer to it.
#pragma once

#include <cstdint>
#include <functional>

#include "control/dns_front.h"
#include "control/neighbor_queue.h"
#include "dataplane/dataplane.h"

namespace isthmus::control {

struct PuntCounters {
  uint64_t local = 0, dns = 0, unresolved = 0;
};

class Punt {
 public:
  using ToKernel = std::function<void(dataplane::InterfaceId, std::span<const uint8_t> frame)>;

  Punt(dataplane::Dataplane& dataplane, ToKernel to_kernel, NeighborQueue& neighbors);

  /// nullptr: no DNS64; queries go to the kernel as any packet for the box does.
  void set_service(dns64::Service* service) { dns_.set_service(service); }
  void handle(const dataplane::Punted& punted, double now);
  const PuntCounters& counters() const { return counters_; }
  const DnsFrontCounters& dns_counters() const { return dns_.counters(); }

 private:
  ToKernel to_kernel_;
  NeighborQueue& neighbors_;
  DnsFront dns_;
  PuntCounters counters_;
};

}  // namespace isthmus::control
