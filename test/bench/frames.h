// SPDX-License-Identifier: BSD-3-Clause
// The frames of the benchmark: flows by number, and their headers by copying a template.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <vector>

#include "net/addr.h"
#include "net/headers.h"
#include "net/rfc6052.h"

namespace isthmus::bench {

inline constexpr uint16_t kServerPort = 443;
inline constexpr const char* kPrefix = "64:ff9b:1:fffe::/96";      ///< stateful
inline constexpr const char* kSiitPrefix = "64:ff9b:1:5117::/96";  ///< stateless
/// Global unicast, as nearly all of the Internet is: those for documentation get a closer look.
inline constexpr const char* kServer = "20.0.0.9";
inline constexpr const char* kSiitInside = "20.64.0.0/15";

/// Where a flow's answers go.
struct Cell {
  net::Ip4 address;
  net::Be16 port{};
};

/// An inside host's address (a /64 each) and port.
struct Inside {
  net::Ip6 address;
  net::Be16 port{};
};

/// How flows, by number, are divided among inside hosts, their ports, and servers.
struct Shape {
  uint32_t ports = 63;   ///< of one inside host
  uint32_t remotes = 1;  ///< that each port talks to

  Inside inside(uint32_t flow) const;
  net::Ip4 remote(uint32_t flow) const;
  uint64_t bindings(uint64_t flows) const { return flows / remotes + 1; }
  uint64_t hosts(uint64_t flows) const { return bindings(flows) / ports + 1; }
};
/// The IPv4 address of a stateless inside host.
net::Ip4 siit_host(uint32_t flow);
net::Prefix6052 prefix_of(const char* text);
void set_header_checksum(net::Ip4Header* ip);

enum class Transport : uint8_t { kUdp, kTcp };

/// The headers of one kind of frame; the payload is whatever the buffer held.
class Template {
 public:
  Template(int family, Transport transport, const net::Mac& gateway, unsigned payload);
  /// Of TCP: an MSS option before the payload.
  void add_mss();

  /// Gives `mbuf` the template's headers and length.
  void copy_to(rte_mbuf* mbuf) const;
  unsigned frame() const { return frame_; }

  // What copies are changed in, and so is the template by who makes others of it.
  uint8_t* bytes() { return bytes_.data(); }
  const uint8_t* bytes() const { return bytes_.data(); }
  static net::Ip6Header* ip6(rte_mbuf* mbuf) {
    return net::header_at<net::Ip6Header>(rte_pktmbuf_mtod_offset(mbuf, uint8_t*, 14));
  }
  static net::Ip4Header* ip4(rte_mbuf* mbuf) {
    return net::header_at<net::Ip4Header>(rte_pktmbuf_mtod_offset(mbuf, uint8_t*, 14));
  }
  net::UdpHeader* l4(rte_mbuf* mbuf) const {
    return net::header_at<net::UdpHeader>(rte_pktmbuf_mtod_offset(mbuf, uint8_t*, l4_at_));
  }
  net::TcpHeader* tcp(rte_mbuf* mbuf) const {
    return net::header_at<net::TcpHeader>(rte_pktmbuf_mtod_offset(mbuf, uint8_t*, l4_at_));
  }

 private:
  static constexpr unsigned kHeaders = 80;
  std::array<uint8_t, kHeaders> bytes_{};
  unsigned l4_at_;
  unsigned frame_;
};

}  // namespace isthmus::bench
