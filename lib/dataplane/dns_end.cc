// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/dns_end.h"

#include <fmt/format.h>
#include <rte_lcore.h>

#include "dataplane/thread.h"

namespace isthmus::dataplane {

Punted punted_of(rte_mbuf* mbuf) {
  const FrameMeta& meta = meta_of(mbuf);
  return {meta.punt,
          meta.interface,
          {rte_pktmbuf_mtod(mbuf, const uint8_t*), mbuf->data_len},
          meta.punt == PuntKind::kUnresolved ? meta.next_hop : Address{}};
}

bool push_or_free(SpscRing& ring, rte_mbuf* mbuf) {
  if (ring.push(&mbuf, 1) == 1) return true;
  rte_pktmbuf_free(mbuf);
  return false;
}

Status EngineDnsEnd::enter() {
  return prepare_thread(fmt::format("dns-{}", core_), cpu_, "cores.dns");
}

void EngineDnsEnd::leave() {
  rte_thread_unregister();
}

unsigned EngineDnsEnd::take_queries(unsigned limit,
                                    const std::function<void(const Punted&)>& handler) {
  return take_in_turn(
      engine_.workers(), next_++, limit,
      [this](unsigned worker) -> SpscRing& {
        return *engine_.worker(worker).dns_lane(core_).queries;
      },
      handler);
}

bool EngineDnsEnd::inject(InterfaceId interface, std::span<const uint8_t> frame) {
  const Engine::Injection made = engine_.make_injection(interface, frame);
  return made.mbuf != nullptr &&
         push_or_free(*engine_.worker(made.worker).dns_lane(core_).answers, made.mbuf);
}

}  // namespace isthmus::dataplane
