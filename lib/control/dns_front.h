// SPDX-License-Identifier: BSD-3-Clause
// From frames with DNS queries to the DNS64 service, and back.
//
// Theory of operation. Queries go straight to the service, without the kernel. It may answer at
// once or much later; the reply carries all it needs to build the frame and goes out of the
// interface the query came from, back to the link address it came from: the way in is known to
// work, and needs no neighbor. Belongs to the thread of its service, which must be destroyed before
// this object, since its replies refer to it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "control/log.h"
#include "control/punt_dns.h"
#include "dataplane/dataplane.h"
#include "dns64/service.h"

namespace isthmus::control {

struct DnsFrontCounters {
  uint64_t refused = 0;       ///< not a datagram we may answer
  uint64_t answers = 0;       ///< handed to the dataplane
  uint64_t answers_lost = 0;  ///< of which some frame found no room
};

class DnsFront {
 public:
  /// Sends a frame; false if it was lost.
  using Inject = std::function<bool(dataplane::InterfaceId, std::span<const uint8_t> frame)>;

  DnsFront(const std::vector<dataplane::InterfaceInfo>& interfaces, Inject inject);

  void set_service(dns64::Service* service) { service_ = service; }
  bool has_service() const { return service_ != nullptr; }
  /// A frame of kind kDns.
  void handle(const dataplane::Punted& punted);
  const DnsFrontCounters& counters() const { return counters_; }

 private:
  void answer(dataplane::InterfaceId interface, const DnsPath& path,
              std::span<const uint8_t> message);

  const std::vector<dataplane::InterfaceInfo>& interfaces_;
  Inject inject_;
  dns64::Service* service_ = nullptr;
  uint32_t identification_;
  std::vector<uint8_t> frame_;  ///< an answer's, reused
  DnsFrontCounters counters_;
  LogLimiter refusal_log_;
};

}  // namespace isthmus::control
