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
// Stateless packets have no owner; do not ask.
#pragma once

#include <cstdint>

#include "net/hash.h"
#include "net/packet_buf.h"
#include "net/parse.h"
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

/// Owner of a packet whose destination is stateful (nat::Class::kStateful).
Owner owner_of(const Ownership& ownership, const net::PacketBuf& buf, const net::PacketView& view);

}  // namespace isthmus::steer
