// SPDX-License-Identifier: BSD-3-Clause
#include "control/dns_front.h"

#include <fmt/format.h>

#include <random>
#include <utility>

namespace isthmus::control {

// RFC 7739: identifications must not be predictable across starts.
DnsFront::DnsFront(const std::vector<dataplane::InterfaceInfo>& interfaces, Inject inject)
    : interfaces_(interfaces),
      inject_(std::move(inject)),
      identification_(std::random_device{}()) {}

void DnsFront::handle(const dataplane::Punted& punted) {
  auto parsed = parse_dns_query(punted.bytes);
  if (const auto* refusal = std::get_if<DnsRefusal>(&parsed)) {
    ++counters_.refused;
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

void DnsFront::answer(dataplane::InterfaceId interface, const DnsPath& path,
                      std::span<const uint8_t> message) {
  const uint16_t mtu = interfaces_[interface].mtu;
  bool sent = false;
  const auto frame = make_dns_frame(path, message, mtu, ++identification_, frame_);
  if (!frame.empty()) {
    sent = inject_(interface, frame);
  } else {
    const auto frames = make_dns_answer(path, message, mtu, identification_);
    sent = !frames.empty();
    for (const auto& part : frames) sent = inject_(interface, part) && sent;
  }
  ++counters_.answers;
  if (!sent) ++counters_.answers_lost;
}

}  // namespace isthmus::control
