// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Events about records of the tables.
#pragma once

#include "nat/events.h"
#include "nat/session.h"

namespace isthmus::nat {

inline Event session_event(EventKind kind, const Session& s, uint8_t instance, uint16_t pool) {
  Event event;
  event.kind = kind;
  event.protocol = s.key.protocol;
  event.instance = instance;
  event.prefix = s.key.prefix;
  event.inside = s.key.inside;
  event.outside = s.key.pool;
  event.remote = s.key.remote;
  event.inside_port = s.key.inside_port;
  event.outside_port = s.key.pool_port;
  event.remote_port = s.key.remote_port;
  event.pool = pool;
  event.bytes[0] = s.bytes(Direction::k6To4);
  event.bytes[1] = s.bytes(Direction::k4To6);
  return event;
}

inline Event binding_event(EventKind kind, const Binding& b, uint16_t pool) {
  Event event;
  event.kind = kind;
  event.protocol = b.protocol;
  event.instance = static_cast<uint8_t>(b.flags >> 8);
  event.prefix = b.prefix;
  event.inside = b.inside;
  event.outside = b.pool;
  event.inside_port = b.inside_port;
  event.outside_port = b.pool_port;
  event.pool = pool;
  return event;
}

/// A new flow was refused; of an inbound one `key` may have no inside.
inline Event refusal_event(EventKind kind, const SessionKey& key, uint8_t instance,
                           LimitKind limit) {
  Event event;
  event.kind = kind;
  event.protocol = key.protocol;
  event.instance = instance;
  event.prefix = key.prefix;
  event.inside = key.inside;
  event.outside = key.pool;
  event.remote = key.remote;
  event.inside_port = key.inside_port;
  event.outside_port = key.pool_port;
  event.remote_port = key.remote_port;
  event.limit = limit;
  return event;
}

}  // namespace isthmus::nat
