// SPDX-License-Identifier: BSD-3-Clause
// hot path
// An instance's translation options. Defaults are the RFCs'.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "net/be.h"
#include "net/parse.h"

namespace isthmus::xlat {

/// What to do with a UDP packet without checksum (RFC 7915 4.5, RFC 6146 3.4).
enum class UdpZero : uint8_t { kDrop, kCompute, kForward };

/// What becomes of the traffic class (TOS) octet: these bits are kept, those are set.
struct ClassRule {
  uint8_t keep = 0xff;
  uint8_t set = 0;

  uint8_t of(uint8_t octet) const { return static_cast<uint8_t>((octet & keep) | set); }
};
inline constexpr uint8_t kEcnBits = 0x03;  // RFC 3168 5

// Policy::mss_clamp, where it is no size.
inline constexpr uint16_t kMssOff = 0;
inline constexpr uint16_t kMssAuto = 0xffff;

struct Policy {
  uint16_t lowest_ipv6_mtu = net::kIp6MinMtu;  ///< RFC 7915 4, >= 1280
  ClassRule class_4to6;                        ///< RFC 7915 4.1
  ClassRule class_6to4;                        ///< RFC 7915 5.1
  UdpZero udp_zero_4to6 = UdpZero::kCompute;
  UdpZero udp_zero_6to4 = UdpZero::kDrop;  ///< conflict C20
  bool short_icmp4_errors = false;         ///< conflict C14: all translated ones <= 576 bytes
  bool answer_refused = true;              ///< conflict C4: RFC 7915 4.4, 5.4
  uint16_t mss_clamp = kMssOff;            ///< largest TCP MSS let through, or what fits (auto)
  /// UDP ports whose zero checksums pass unchanged, whatever the rule (RFC 6936 5). Sorted.
  std::vector<uint16_t> udp_zero_ports;

  /// TCP flags that take a packet off the plain path.
  uint8_t special_tcp_flags() const {
    return mss_clamp == kMssOff ? uint8_t{0} : uint8_t{net::kTcpSyn};
  }
  /// The rule for a UDP packet without checksum.
  UdpZero udp_zero(const net::PacketView& view) const {
    const auto listed = [this](net::Be16 port) {
      return std::binary_search(udp_zero_ports.begin(), udp_zero_ports.end(), port.host());
    };
    if (listed(view.source_port) || listed(view.destination_port)) return UdpZero::kForward;
    return view.family == 4 ? udp_zero_4to6 : udp_zero_6to4;
  }
};

}  // namespace isthmus::xlat
