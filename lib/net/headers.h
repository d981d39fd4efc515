// SPDX-License-Identifier: BSD-3-Clause
// Headers as they stand on the wire. All members have alignment 1 (net/be.h), so that a pointer
// into packet bytes may be viewed as one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "net/addr.h"
#include "net/be.h"

namespace isthmus::net {

enum EtherType : uint16_t {
  kEtherIp4 = 0x0800,
  kEtherArp = 0x0806,
  kEtherVlan = 0x8100,
  kEtherQinQ = 0x88a8,
  kEtherIp6 = 0x86dd,
};

enum IpProto : uint8_t {
  kProtoHopByHop = 0,
  kProtoIcmp4 = 1,
  kProtoIgmp = 2,
  kProtoTcp = 6,
  kProtoUdp = 17,
  kProtoRouting = 43,
  kProtoFragment = 44,
  kProtoEsp = 50,
  kProtoAh = 51,
  kProtoIcmp6 = 58,
  kProtoNoNext = 59,
  kProtoDestOpts = 60,
};

/// Whether it is an IPv6 extension header; ESP is not one that anybody here could walk past.
constexpr bool is_extension_header(uint8_t protocol) {
  return protocol == kProtoHopByHop || protocol == kProtoRouting || protocol == kProtoFragment ||
         protocol == kProtoDestOpts || protocol == kProtoAh;
}

struct EthHeader {
  Mac destination;
  Mac source;
  Be16 ether_type;
};
static_assert(sizeof(EthHeader) == 14 && alignof(EthHeader) == 1);

struct VlanTag {
  Be16 tci;  ///< PCP(3) DEI(1) VID(12)
  Be16 ether_type;
};
static_assert(sizeof(VlanTag) == 4);

inline constexpr uint16_t kIp4DontFragment = 0x4000;
inline constexpr uint16_t kIp4MoreFragments = 0x2000;
inline constexpr uint16_t kIp4OffsetMask = 0x1fff;  ///< in units of 8 bytes

struct Ip4Header {
  uint8_t version_ihl;
  uint8_t tos;
  Be16 total_length;
  Be16 identification;
  Be16 flags_offset;
  uint8_t ttl;
  uint8_t protocol;
  Be16 checksum;
  Ip4 source;
  Ip4 destination;

  std::size_t header_length() const { return (version_ihl & 0x0fu) * 4u; }
};
static_assert(sizeof(Ip4Header) == 20 && alignof(Ip4Header) == 1);

struct Ip6Header {
  Be32 version_class_flow;
  Be16 payload_length;
  uint8_t next_header;
  uint8_t hop_limit;
  Ip6 source;
  Ip6 destination;

  uint8_t traffic_class() const {
    return static_cast<uint8_t>(version_class_flow.host() >> 20 & 0xff);
  }
};
static_assert(sizeof(Ip6Header) == 40 && alignof(Ip6Header) == 1);

struct Ip6FragmentHeader {
  uint8_t next_header;
  uint8_t reserved;
  Be16 offset_flags;  ///< offset in units of 8 bytes << 3 | reserved(2) | M
  Be32 identification;
};
static_assert(sizeof(Ip6FragmentHeader) == 8);

enum TcpFlag : uint8_t { kTcpFin = 0x01, kTcpSyn = 0x02, kTcpRst = 0x04, kTcpAck = 0x10 };

struct TcpHeader {
  Be16 source_port;
  Be16 destination_port;
  Be32 sequence;
  Be32 acknowledgment;
  uint8_t data_offset;  ///< in 32-bit words << 4
  uint8_t flags;
  Be16 window;
  Be16 checksum;
  Be16 urgent;
};
static_assert(sizeof(TcpHeader) == 20 && alignof(TcpHeader) == 1);

struct UdpHeader {
  Be16 source_port;
  Be16 destination_port;
  Be16 length;
  Be16 checksum;
};
static_assert(sizeof(UdpHeader) == 8 && alignof(UdpHeader) == 1);

struct IcmpEcho {
  Be16 identifier;
  Be16 sequence;
};

struct Icmp4Error {
  uint8_t pointer;  ///< ICMPv4 12
  uint8_t length4;  ///< RFC 4884, 32-bit words
  Be16 mtu4;        ///< ICMPv4 3/4 (RFC 1191)
};

/// ICMPv4 and ICMPv6 share this shape; what `rest` means depends on the type.
struct IcmpHeader {
  uint8_t type;
  uint8_t code;
  Be16 checksum;
  union {
    IcmpEcho echo;
    Icmp4Error error4;
    uint8_t length6;  ///< RFC 4884, 64-bit words
    Be32 mtu6;        ///< ICMPv6 2
    Be32 pointer6;    ///< ICMPv6 4
    Be32 rest;
  };
};
static_assert(sizeof(IcmpHeader) == 8 && alignof(IcmpHeader) == 1);

enum Icmp4Type : uint8_t {
  kIcmp4EchoReply = 0,
  kIcmp4Unreachable = 3,
  kIcmp4SourceQuench = 4,
  kIcmp4Redirect = 5,
  kIcmp4Echo = 8,
  kIcmp4TimeExceeded = 11,
  kIcmp4ParamProblem = 12,
};

enum Icmp6Type : uint8_t {
  kIcmp6Unreachable = 1,
  kIcmp6PacketTooBig = 2,
  kIcmp6TimeExceeded = 3,
  kIcmp6ParamProblem = 4,
  kIcmp6Echo = 128,
  kIcmp6EchoReply = 129,
  kIcmp6RouterSolicit = 133,
  kIcmp6RouterAdvert = 134,
  kIcmp6NeighborSolicit = 135,
  kIcmp6NeighborAdvert = 136,
};

/// Views packet bytes as a header. The caller has checked that they are there.
template <class Header>
Header* header_at(uint8_t* bytes) {
  return reinterpret_cast<Header*>(bytes);
}
template <class Header>
const Header* header_at(const uint8_t* bytes) {
  return reinterpret_cast<const Header*>(bytes);
}

inline constexpr uint16_t kIp6MinMtu = 1280;

}  // namespace isthmus::net
