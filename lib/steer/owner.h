// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Whose a parsed packet is.
//
// Theory of operation. Most packets show their owner in the outer header. Two kinds do not:
//   * an ICMP error belongs to the owner of the flow it is about, so the quoted packet decides. Its
//     roles are swapped: an IPv6 error quotes a packet towards the inside host, an IPv4 error one
//     that the pool cell sent;
//   * an IPv4 fragment, when cells are owned by port block, has no port to show. All fragments of a
//     datagram, the first included, meet on a home worker that is a function of what they share.
// Protocols without ports (ESP, GRE, SCTP ...) that an instance carries show none in any packet.
// Where an address is one worker's, that is of no account. Where its ports are divided, such
// packets belong to a worker by their remote address instead, in both directions, fragments and
// errors about them likewise. An IPv6 fragment is what its own Next Header says; RFC 8200 4.5 lets
// later ones say anything, but no host makes use of that. Stateless packets have no owner; do not
// ask.
#pragma once

#include <cstdint>

#include "net/hash.h"
#include "net/packet_buf.h"
#include "net/parse.h"
#include "net/protocol.h"
#include "net/rfc6052.h"
#include "steer/ownership.h"

namespace isthmus::steer {

struct Owner {
  enum Kind : uint8_t {
    kWorker,       ///< `worker` owns it
    kUnknown,      ///< a fragment without ports: `worker` is the home of its datagram
    kIndifferent,  ///< it will be dropped wherever it is looked at; `worker` means nothing
  } kind = kIndifferent;
  unsigned worker = 0;
};

/// What an instance carries without ports, and how such packets find their owner.
struct Portless {
  const net::ProtocolSet* carried = nullptr;
  bool by_remote = false;                   ///< else as if their port were 0
  const net::Prefix6052* prefix = nullptr;  ///< by_remote: of IPv6 packets

  bool carries(uint8_t protocol) const { return carried != nullptr && (*carried)[protocol]; }
};

/// Owner of a packet whose destination is stateful (nat::Class::kStateful).
Owner owner_of(const Ownership& ownership, const net::PacketBuf& buf, const net::PacketView& view,
               const Portless& portless = {});

}  // namespace isthmus::steer
