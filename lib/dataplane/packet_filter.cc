// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/packet_filter.h"

#include <fmt/format.h>
#include <pcap/pcap.h>

namespace isthmus::dataplane {

struct PacketFilter::Program {
  bpf_program code{};
  ~Program() { pcap_freecode(&code); }
};

PacketFilter::PacketFilter(std::unique_ptr<Program> program) : program_(std::move(program)) {}
PacketFilter::~PacketFilter() = default;
PacketFilter::PacketFilter(PacketFilter&&) noexcept = default;
PacketFilter& PacketFilter::operator=(PacketFilter&&) noexcept = default;

Result<PacketFilter> PacketFilter::make(const std::string& expression, Link link) {
  constexpr int kSnap = 65535;
  constexpr int kOptimize = 1;
  const int type = link == Link::kEthernet ? DLT_EN10MB : DLT_RAW;
  std::unique_ptr<pcap_t, decltype(&pcap_close)> handle(pcap_open_dead(type, kSnap), pcap_close);
  if (handle == nullptr) return Error{"no memory for a filter"};
  auto program = std::make_unique<Program>();
  if (pcap_compile(handle.get(), &program->code, expression.c_str(), kOptimize,
                   PCAP_NETMASK_UNKNOWN) != 0) {
    return Error{fmt::format("filter \"{}\": {}{}", expression, pcap_geterr(handle.get()),
                             link == Link::kNone ? " (of packets without their link header)" : "")};
  }
  return PacketFilter(std::move(program));
}

bool PacketFilter::matches(const uint8_t* bytes, uint32_t available, uint32_t length) const {
  return bpf_filter(program_->code.bf_insns, bytes, length, available) != 0;
}

}  // namespace isthmus::dataplane
