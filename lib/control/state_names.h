// SPDX-License-Identifier: BSD-3-Clause
// Words for the states of sessions, and for limits.
#pragma once

#include <string_view>

#include "nat/events.h"
#include "nat/info.h"

namespace isthmus::control {

/// RFC 6146 3.5.2 names the states; NONE is ours, for other protocols.
inline std::string_view state_name(nat::TcpState state) {
  switch (state) {
    case nat::TcpState::kNone: return "none";
    case nat::TcpState::kClosed: return "closed";
    case nat::TcpState::kV4Init: return "v4-init";
    case nat::TcpState::kV6Init: return "v6-init";
    case nat::TcpState::kEstablished: return "established";
    case nat::TcpState::kV4FinRcv: return "v4-fin-rcv";
    case nat::TcpState::kV6FinRcv: return "v6-fin-rcv";
    case nat::TcpState::kV4V6FinRcv: return "v4-v6-fin-rcv";
    case nat::TcpState::kTrans: return "trans";
  }
  return "unknown";
}

/// What a subscriber has reached; empty: none.
inline std::string_view limit_name(nat::LimitKind limit) {
  switch (limit) {
    case nat::LimitKind::kNone: return "";
    case nat::LimitKind::kSessions: return "sessions";
    case nat::LimitKind::kBindings: return "bindings";
    case nat::LimitKind::kTcpBindings: return "TCP bindings";
    case nat::LimitKind::kUdpBindings: return "UDP bindings";
    case nat::LimitKind::kIcmpBindings: return "ICMP bindings";
    case nat::LimitKind::kSessionRate: return "new sessions per second";
    case nat::LimitKind::kPortBlocks: return "port blocks";
  }
  return "";
}

}  // namespace isthmus::control
