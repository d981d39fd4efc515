// SPDX-License-Identifier: BSD-3-Clause
#include "control/punt.h"

#include <utility>

namespace isthmus::control {

Punt::Punt(dataplane::Dataplane& dataplane, ToKernel to_kernel, NeighborQueue& neighbors)
    : to_kernel_(std::move(to_kernel)),
      neighbors_(neighbors),
      dns_(dataplane.interfaces(),
           [&dataplane](dataplane::InterfaceId interface, std::span<const uint8_t> frame) {
             return dataplane.inject(interface, frame);
           }) {}

void Punt::handle(const dataplane::Punted& punted, double now) {
  switch (punted.kind) {
    case dataplane::PuntKind::kLocal:
      ++counters_.local;
      to_kernel_(punted.interface, punted.bytes);
      break;
    case dataplane::PuntKind::kDns:
      ++counters_.dns;
      if (dns_.has_service()) {
        dns_.handle(punted);
      } else {
        to_kernel_(punted.interface, punted.bytes);
      }
      break;
    case dataplane::PuntKind::kUnresolved:
      ++counters_.unresolved;
      neighbors_.enqueue(punted.interface, punted.next_hop, punted.bytes, now);
      break;
  }
}

}  // namespace isthmus::control
