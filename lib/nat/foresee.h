// SPDX-License-Identifier: BSD-3-Clause
// What a translator would do with a packet, told without doing it.
//
// Theory of operation. Core::foresee() is const: the compiler sees to it that tables, timers and
// counters stay as they are. It goes through the same checks as decide_batch(), which are const
// themselves, and looks where a binding would be made for the cell that would be lent: with a copy
// of the generator of random numbers, so it is the very one, as long as no other new flow comes
// first. A session whose time is up, but on which the wheel has not come round yet, would be ended
// by the packet, and what it holds (ports, a block, a place under a limit) come free: who asks ends
// it before. test/packets asks before each packet of each row, and compares.
#pragma once

#include "nat/events.h"
#include "nat/info.h"

namespace isthmus::nat {

struct Foreseen {
  enum class Part : uint8_t { kNone, kFound, kNew };
  Part session = Part::kNone;
  Part binding = Part::kNone;
  bool knows_flow = false;  ///< `flow` names it
  /// Of a session that is there: as it is before the packet. Else its names alone.
  SessionInfo flow;
  TcpState after = TcpState::kNone;    ///< state of the session when the packet has passed
  uint32_t lifetime_ms = 0;            ///< what it then has left
  LimitKind limit = LimitKind::kNone;  ///< of a subscriber, if that is why it is refused
  /// A fragment of a stateful flow with ports: what becomes of it depends on the others.
  bool is_fragment = false;
};

}  // namespace isthmus::nat
