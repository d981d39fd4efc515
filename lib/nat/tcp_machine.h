// SPDX-License-Identifier: BSD-3-Clause
// hot path
// The TCP state machine of RFC 6146 3.5.2.2 as one table.
//
// Theory of operation. A segment is classified by side and by flag: RST before SYN before FIN, as
// the RFC leaves combinations open. (state, event) gives the next state and what happens to the
// lifetime. Two options close gaps of the text (conflict C11): without them a RST after a FIN
// leaves state for two hours, and a port that is reused soon after a close loses its new connection
// after four minutes. CLOSED has no record; its row says how one begins.
#pragma once

#include <cstdint>

#include "nat/info.h"
#include "nat/session.h"
#include "net/headers.h"

namespace isthmus::nat {

enum class TcpEvent : uint8_t {
  kV6Syn,
  kV4Syn,
  kV6Fin,
  kV4Fin,
  kV6Rst,
  kV4Rst,
  kV6Other,
  kV4Other
};
inline constexpr unsigned kTcpEvents = 8;

enum class Refresh : uint8_t {
  kKeep,  ///< the lifetime runs on
  kEstablished,
  kOpening,
  kClosing,
};

struct TcpStep {
  TcpState next;
  Refresh refresh;
};

struct TcpOptions {
  bool rst_closes_half_closed = true;
  bool syn_reopens_closed = true;
};

inline constexpr uint8_t kTcpControlFlags = net::kTcpFin | net::kTcpSyn | net::kTcpRst;

constexpr TcpEvent tcp_event(Direction direction, uint8_t flags) {
  unsigned kind = 6;
  if ((flags & net::kTcpRst) != 0) {
    kind = 4;
  } else if ((flags & net::kTcpSyn) != 0) {
    kind = 0;
  } else if ((flags & net::kTcpFin) != 0) {
    kind = 2;
  }
  return static_cast<TcpEvent>(kind + static_cast<unsigned>(direction));
}

constexpr bool is_inbound(TcpEvent event) {
  return (static_cast<unsigned>(event) & 1) == static_cast<unsigned>(Direction::k4To6);
}

TcpStep tcp_step(TcpState state, TcpEvent event, const TcpOptions& options);

}  // namespace isthmus::nat
