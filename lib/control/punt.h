// SPDX-License-Identifier: BSD-3-Clause
// What becomes of punted packets.
//
// Theory of operation. Workers punt three kinds: packets for the box go to the interface's twin;
// packets whose next hop is unresolved wait in the neighbor queue; DNS queries go straight to the
// DNS64 service, without the kernel. The service may answer at once or much later; the reply
// carries all it needs to build the frame and goes out of the interface the query came from, back
// to the link address it came from: the way in is known to work, and needs no neighbor.
// The service must be destroyed before this object, since its replies refer to it.
#pragma once

#include <cstdint>
#include <functional>

#include "control/log.h"
#include "control/neighbor_queue.h"
#include "control/punt_dns.h"
#include "dataplane/dataplane.h"
#include "dns64/service.h"

namespace isthmus::control {

struct PuntCounters {
  uint64_t local = 0, dns = 0, unresolved = 0;
  uint64_t dns_refused = 0;       ///< not a datagram we may answer
  uint64_t dns_answers = 0;       ///< handed to the dataplane
  uint64_t dns_answers_lost = 0;  ///< of which some frame found no room
};

class Punt {
 public:
  using ToKernel = std::function<void(dataplane::InterfaceId, std::span<const uint8_t> frame)>;

  Punt(dataplane::Dataplane& dataplane, ToKernel to_kernel, NeighborQueue& neighbors);

  /// nullptr: no DNS64; queries go to the kernel as any packet for the box does.
  void set_service(dns64::Service* service) { service_ = service; }
  void handle(const dataplane::Punted& punted, double now);
  const PuntCounters& counters() const { return counters_; }

 private:
  void handle_dns(const dataplane::Punted& punted);
  void answer(dataplane::InterfaceId interface, const DnsPath& path,
              std::span<const uint8_t> message);

  dataplane::Dataplane& dataplane_;
  ToKernel to_kernel_;
  NeighborQueue& neighbors_;
  dns64::Service* service_ = nullptr;
  uint32_t identification_;
  std::vector<uint8_t> frame_;  ///< an answer's, reused
  PuntCounters counters_;
  LogLimiter refusal_log_;
};

}  // namespace isthmus::control
