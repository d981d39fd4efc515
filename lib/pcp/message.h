// SPDX-License-Identifier: BSD-3-Clause
// Messages of the Port Control Protocol (RFC 6887 7, 11.1, 13.2, 14.1; RFC 7225 4.1).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "net/addr.h"
#include "net/be.h"
#include "net/rfc6052.h"

namespace isthmus::pcp {

inline constexpr uint16_t kServerPort = 5351;  ///< requests go there
inline constexpr uint16_t kClientPort = 5350;  ///< announcements go there
inline constexpr std::size_t kMaxMessage = 1100;

using Bytes = std::vector<uint8_t>;
using Nonce = std::array<uint8_t, 12>;

enum class Opcode : uint8_t { kAnnounce, kMap, kPeer };

/// RFC 6887 7.4.
enum class Code : uint8_t {
  kSuccess,
  kUnsupportedVersion,
  kNotAuthorized,
  kMalformedRequest,
  kUnsupportedOpcode,
  kUnsupportedOption,
  kMalformedOption,
  kNetworkFailure,
  kNoResources,
  kUnsupportedProtocol,
  kUserExceededQuota,
  kCannotProvideExternal,
  kAddressMismatch,
  kExcessiveRemotePeers,
};

/// What a MAP request and its answer say (RFC 6887 11.1). IPv4 addresses are IPv4-mapped.
struct MapFields {
  Nonce nonce;
  uint8_t protocol;
  uint8_t reserved[3];
  net::Be16 internal_port;
  net::Be16 external_port;
  net::Ip6 external;
};
static_assert(sizeof(MapFields) == 36 && alignof(MapFields) == 1);

struct Request {
  Opcode opcode = Opcode::kAnnounce;
  uint32_t lifetime = 0;  ///< seconds
  MapFields map{};        ///< of MAP
  bool prefer_failure = false;
  bool wants_prefixes = false;  ///< PREFIX64, RFC 7225
};

/// What came of a datagram.
struct Parsed {
  bool silent = false;  ///< it gets no answer
  Code code = Code::kSuccess;
  Request request;  ///< with kSuccess
};

/// `source`: the datagram's sender. The checks stand in the order of RFC 6887 8.2.
Parsed parse_request(std::span<const uint8_t> bytes, const net::Ip6& source);

/// An answer that refuses `request` for `lifetime` seconds (RFC 6887 8.2). `understood`: the
/// request was well-formed, and the reason lies elsewhere.
Bytes make_error(std::span<const uint8_t> request, Code code, uint32_t lifetime, uint32_t epoch,
                 bool understood);
/// `map` is left out of the answer to ANNOUNCE. `prefixes`: one PREFIX64 option each.
Bytes make_success(const Request& request, const MapFields& map, uint32_t lifetime, uint32_t epoch,
                   std::span<const net::Prefix6052> prefixes);
/// RFC 6887 14.1.3: unsolicited, to all clients.
Bytes make_announcement(uint32_t epoch);

/// The IPv4-mapped form of an address, and the way back; 0.0.0.0 for what is none.
net::Ip6 mapped(net::Ip4 address);
net::Ip4 unmapped(const net::Ip6& address);

}  // namespace isthmus::pcp
