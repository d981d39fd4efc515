// SPDX-License-Identifier: BSD-3-Clause
#include "control/punt.h"

#include <fmt/format.h>

#include <random>
#include <utility>

namespace isthmus::control {

// RFC 7739: identifications must not be predictable across starts.
Punt::Punt(dataplane::Dataplane& dataplane, ToKernel to_kernel, NeighborQueue& neighbors)
    : dataplane_(dataplane),
      to_kernel_(std::move(to_kernel)),
      neighbors_(neighbors),
      identification_(std::random_device{}()) {}

void Punt::handle(const dataplane::Punted& punted, double now) {
  switch (punted.kind) {
    case dataplane::PuntKind::kLocal:
      ++counters_.local;
      to_kernel_(punted.interface, punted.bytes);
      break;
    case dataplane::PuntKind::kDns:
      ++counters_.dns;
      handle_dns(punted);
      break;
    case dataplane::PuntKind::kUnresolved:
      ++counters_.unresolved;
      neighbors_.enqueue(punted.interface, punted.next_hop, punted.bytes, now);
      break;
  }
}

void Punt::handle_dns(const dataplane::Punted& punted) {
  if (service_ == nullptr) return to_kernel_(punted.interface, punted.bytes);
  auto parsed = parse_dns_query(punted.bytes);
  if (const auto* refusal = std::get_if<DnsRefusal>(&parsed)) {
    ++counters_.dns_refused;
    refusal_log_.log(LogLevel::kDebug, fmt::format("DNS query dropped: {}", text_of(*refusal)));
    return;
  }
  const auto& query = std::get<DnsQuery>(parsed);
  service_->on_udp_query(
      query.path.client, query.path.client_port, query.message,
      [this, interface = punted.interface, path = query.path](std::span<const uint8_t> message) {
        answer(interface, path, message);
      });
}

void Punt::answer(dataplane::InterfaceId interface, const DnsPath& path,
                  std::span<const uint8_t> message) {
  const uint16_t mtu = dataplane_.interfaces()[interface].mtu;
  bool sent = false;
  const auto frame = make_dns_frame(path, message, mtu, ++identification_, frame_);
  if (!frame.empty()) {
    sent = dataplane_.inject(interface, frame);
  } else {
    const auto frames = make_dns_answer(path, message, mtu, identification_);
    sent = !frames.empty();
    for (const auto& part : frames) sent = dataplane_.inject(interface, part) && sent;
  }
  ++counters_.dns_answers;
  if (!sent) ++counters_.dns_answers_lost;
}

}  // namespace isthmus::control
