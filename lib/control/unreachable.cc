// SPDX-License-Identifier: BSD-3-Clause
#include "control/unreachable.h"

#include <algorithm>

#include "net/parse.h"
#include "xlat/icmp_error.h"

namespace isthmus::control {
namespace {

constexpr std::size_t kHeaders = sizeof(net::Ip6Header) + sizeof(net::IcmpHeader);

/// An address of the interface, or else of any.
template <class Address>
std::optional<Address> own_address(const KernelPlan& plan, dataplane::InterfaceId interface) {
  std::optional<Address> any;
  for (std::size_t i = 0; i < plan.twins.size(); ++i) {
    for (const auto& own : plan.twins[i].addresses) {
      const auto* address = std::get_if<Address>(&own.address);
      if (address == nullptr) continue;
      if (i == interface) return *address;
      if (!any) any = *address;
    }
  }
  return any;
}

}  // namespace

std::optional<std::vector<uint8_t>> make_unreachable(const KernelPlan& plan,
                                                     dataplane::InterfaceId interface,
                                                     std::span<const uint8_t> packet) {
  std::vector<uint8_t> bytes(kHeaders + packet.size());
  std::copy(packet.begin(), packet.end(), bytes.begin() + kHeaders);
  net::PacketBuf buf;
  buf.data = bytes.data() + kHeaders;
  buf.length = static_cast<uint32_t>(packet.size());
  buf.headroom = kHeaders;
  net::PacketView view;
  if (net::parse_ip(buf, view) != net::DropReason::kNone || !xlat::may_answer(buf, view)) {
    return std::nullopt;
  }
  if (view.family == 4) {
    const auto own = own_address<net::Ip4>(plan, interface);
    if (!own) return std::nullopt;
    xlat::make_error4(buf, {net::kIcmp4Unreachable, 1, 0}, *own);
  } else {
    const auto own = own_address<net::Ip6>(plan, interface);
    if (!own) return std::nullopt;
    xlat::make_error6(buf, {net::kIcmp6Unreachable, 3, 0}, *own);
  }
  return std::vector<uint8_t>(buf.data, buf.data + buf.length);
}

}  // namespace isthmus::control
