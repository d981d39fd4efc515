// SPDX-License-Identifier: BSD-3-Clause
// DNS over UDP as frames: from a query's frame to its parts, from an answer's bytes to frames.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "control/netlink_types.h"
#include "net/addr.h"

namespace isthmus::control {

/// Who asked whom, and how to get back there.
struct DnsPath {
  net::Mac client_mac;
  net::Mac own_mac;
  IpAddress client;
  IpAddress service;
  uint16_t client_port = 0;
};

struct DnsQuery {
  DnsPath path;
  std::span<const uint8_t> message;  ///< inside the frame
};

/// Why a frame is not a query we may answer.
enum class DnsRefusal : uint8_t { kMalformed, kChecksum, kSource };
std::string_view text_of(DnsRefusal refusal);

/// `frame`: untagged Ethernet with IPv4 or IPv6.
std::variant<DnsQuery, DnsRefusal> parse_dns_query(std::span<const uint8_t> frame);

/// The frame that carries `message` back, in `buffer`; empty if it takes several.
std::span<const uint8_t> make_dns_frame(const DnsPath& path, std::span<const uint8_t> message,
                                        uint16_t mtu, uint32_t identification,
                                        std::vector<uint8_t>& buffer);
/// Frames that carry `message` back, each at most `mtu` bytes behind its Ethernet header; several
/// when it has to be fragmented. None if no UDP datagram can carry it. `identification` is used for
/// the IP header, if it has one.
std::vector<std::vector<uint8_t>> make_dns_answer(const DnsPath& path,
                                                  std::span<const uint8_t> message, uint16_t mtu,
                                                  uint32_t identification);

}  // namespace isthmus::control
