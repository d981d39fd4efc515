// SPDX-License-Identifier: BSD-3-Clause
// hot path
// What a worker tells the control core: sessions, bindings, port blocks, refusals.
//
// Theory of operation. One EventRing per worker: the worker writes, the control core reads, nobody
// waits. A record has a fixed size and no pointers; it holds what RFC 8158 wants in a NAT64 event.
// A full ring loses the new event and counts it. Kinds that nobody wants cost one test of a bit.
// Refusals (pool exhausted, limits) come as fast as the packets that cause them. So of each such
// kind at most kRefusalsPerSecond enter the ring; the next that does says in `count` how many
// refusals it stands for.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "nat/arena.h"
#include "net/addr.h"
#include "telemetry/counters.h"

namespace isthmus::nat {

// X(identifier, "name", "what happened, in the operator's words")
#define ISTHMUS_EVENTS(X)                                                                    \
  X(kSessionCreated, "session-created", "a session was made")                                \
  X(kSessionDeleted, "session-deleted", "a session ended")                                   \
  X(kBindingCreated, "binding-created", "an inside address and port was given a pool port")  \
  X(kBindingDeleted, "binding-deleted", "a binding ended")                                   \
  X(kPortBlockGranted, "port-block-granted", "a subscriber was given a block of ports")      \
  X(kPortBlockReturned, "port-block-returned", "a block of ports was given back")            \
  X(kStaticAdded, "static-added", "a static binding was added")                              \
  X(kStaticRemoved, "static-removed", "a static binding was removed")                        \
  X(kPoolExhausted, "pool-exhausted", "no pool address and port left for a new flow")        \
  X(kSessionTableFull, "session-table-full", "no room for another session")                  \
  X(kBindingTableFull, "binding-table-full", "no room for another binding")                  \
  X(kSubscriberTableFull, "subscriber-table-full", "no room for another subscriber")         \
  X(kSubscriberLimit, "subscriber-limit", "a subscriber reached a limit of its own")         \
  X(kSynStoreFull, "syn-store-full", "no room to store another unexpected SYN from outside") \
  X(kUdpZeroChecksum, "udp-zero-checksum", "a UDP packet without checksum was dropped")      \
  X(kExtHeader, "ext-header", "an IPv6 packet was dropped for its extension headers")

enum class EventKind : uint8_t {
#define X(id, name, help) id,
  ISTHMUS_EVENTS(X)
#undef X
      kCount
};

inline constexpr std::size_t kEventKinds = static_cast<std::size_t>(EventKind::kCount);

/// Stable name, as logs and exporters print it.
std::string_view name(EventKind kind);
std::string_view help(EventKind kind);

/// Sets of kinds.
using EventMask = uint32_t;
constexpr EventMask mask_of(EventKind kind) {
  return EventMask{1} << static_cast<unsigned>(kind);
}
inline constexpr EventMask kSessionEvents =
    mask_of(EventKind::kSessionCreated) | mask_of(EventKind::kSessionDeleted);
inline constexpr EventMask kBindingEvents =
    mask_of(EventKind::kBindingCreated) | mask_of(EventKind::kBindingDeleted);
inline constexpr EventMask kPortBlockEvents =
    mask_of(EventKind::kPortBlockGranted) | mask_of(EventKind::kPortBlockReturned);
inline constexpr EventMask kStaticEvents =
    mask_of(EventKind::kStaticAdded) | mask_of(EventKind::kStaticRemoved);
/// Packets of any flow, dropped for what they are (RFC 7915 4.5, 5.1.1: "dropped and logged").
inline constexpr EventMask kDroppedEvents =
    mask_of(EventKind::kUdpZeroChecksum) | mask_of(EventKind::kExtHeader);
/// Everything that says that something was refused; these kinds stand last.
inline constexpr EventMask kRefusalEvents =
    ((EventMask{1} << kEventKinds) - 1) & ~(mask_of(EventKind::kPoolExhausted) - 1);
static_assert(kEventKinds <= 32);

/// Which limit a kSubscriberLimit event is about.
enum class LimitKind : uint8_t {
  kNone,
  kSessions,
  kBindings,     ///< of all protocols
  kTcpBindings,  ///< of one protocol
  kUdpBindings,
  kIcmpBindings,
  kSessionRate,
  kPortBlocks,
};

/// Of events that no stateful instance has to do with.
inline constexpr uint8_t kNoInstance = 255;

/// One cache line. What a kind does not speak of is zero. RFC 8158 names in parentheses.
struct Event {
  EventKind kind = EventKind::kCount;  ///< (natEvent)
  uint8_t protocol = 0;                ///< (protocolIdentifier)
  uint8_t instance = 0;                ///< (natInstanceID) number, or kNoInstance
  uint8_t prefix = 0;                  ///< over all stateful prefixes: embed(remote) under it
  uint32_t time_ms = 0;                ///< of the worker's clock, which may wrap
  net::Ip6 inside;                     ///< (sourceIPv6Address) of a port block: the subscriber
  net::Ip4 outside;                    ///< (postNATSourceIPv4Address)
  net::Ip4 remote;                     ///< (postNATDestinationIPv4Address)
  net::Be16 inside_port{};             ///< (sourceTransportPort) ICMP: identifier
  net::Be16 outside_port{};            ///< (postNAPTSourceTransportPort, portRangeStart)
  net::Be16 remote_port{};             ///< (destinationTransportPort)
  net::Be16 outside_last{};            ///< (portRangeEnd) of a port block
  uint16_t pool = 0;                   ///< (natPoolID) number within the instance
  uint8_t subscriber_length = 0;       ///< bits of `inside` that name the subscriber
  LimitKind limit = LimitKind::kNone;  ///< (natQuotaExceededEvent)
  uint32_t count = 1;                  ///< refusals since the last event of this kind
  uint64_t bytes[2] = {};              ///< by Direction; a session that ended
};
static_assert(sizeof(Event) == 64);

/// Single producer, single consumer. Neither side ever waits for the other.
class EventRing {
 public:
  static std::size_t need(uint32_t capacity) { return Arena::need<Event>(capacity); }
  /// `capacity` is a power of two.
  bool init(Arena& arena, uint32_t capacity) {
    events_ = arena.take<Event>(capacity);
    mask_ = capacity - 1;
    return events_ != nullptr;
  }

  uint32_t capacity() const { return mask_ + 1; }
  /// Events that wait, for anybody who asks.
  uint32_t waiting() const {
    // In this order, what was taken meanwhile does not make it wrap.
    const uint32_t out = out_.load(std::memory_order_acquire);
    return published_.load(std::memory_order_acquire) - out;
  }

  /// Producer. False if the ring is full: the event is lost.
  bool push(const Event& event) {
    if (in_ - seen_ > mask_) {
      seen_ = out_.load(std::memory_order_acquire);
      if (in_ - seen_ > mask_) return false;
    }
    events_[in_ & mask_] = event;
    published_.store(++in_, std::memory_order_release);
    return true;
  }

  /// Consumer. False if there is none.
  bool pop(Event& event) {
    const uint32_t at = out_.load(std::memory_order_relaxed);
    if (at == published_.load(std::memory_order_acquire)) return false;
    event = events_[at & mask_];
    out_.store(at + 1, std::memory_order_release);
    return true;
  }

 private:
  Event* events_ = nullptr;
  uint32_t mask_ = 0;
  // The producer's line, and the consumer's.
  alignas(64) uint32_t in_ = 0;
  uint32_t seen_ = 0;  ///< of out_, when last looked at
  std::atomic<uint32_t> published_{0};
  alignas(64) std::atomic<uint32_t> out_{0};
};

/// The worker's end: which kinds are wanted, what time it is, and the ring.
class Events {
 public:
  static constexpr unsigned kRefusalsPerSecond = 8;

  explicit Events(telemetry::Counters& counters) : counters_(counters) {}
  bool init(Arena& arena, uint32_t capacity) { return ring_.init(arena, capacity); }

  void want(EventMask mask) { wanted_ = mask; }
  /// Once a burst.
  void set_time(uint32_t now_ms) { now_ms_ = now_ms; }
  bool wants(EventKind kind) const { return (wanted_ & mask_of(kind)) != 0; }

  /// Fills in the time. Ask wants() before making the event.
  void tell(Event event) {
    event.time_ms = now_ms_;
    if (!ring_.push(event)) counters_.add(telemetry::Counter::kEventsLost);
  }
  /// Counts a refusal. Whether to tell_refusal(): at most kRefusalsPerSecond of a kind are told, so
  /// that under a flood only few events are put together.
  bool count_refusal(EventKind kind) {
    auto& limit = limits_[static_cast<std::size_t>(kind)];
    ++limit.count;
    if (now_ms_ - limit.since_ms >= 1000) limit.used = 0;
    if (limit.used == kRefusalsPerSecond) return false;
    if (limit.used++ == 0) limit.since_ms = now_ms_;
    return true;
  }
  void tell_refusal(Event event) {
    auto& limit = limits_[static_cast<std::size_t>(event.kind)];
    event.count = limit.count;
    limit.count = 0;
    tell(event);
  }

  /// The consumer's end.
  EventRing& ring() { return ring_; }
  const EventRing& ring() const { return ring_; }

 private:
  struct Limit {
    uint32_t since_ms = 0;
    uint32_t used = 0;
    uint32_t count = 0;  ///< refusals that no event has told of yet
  };
  telemetry::Counters& counters_;
  EventMask wanted_ = 0;
  uint32_t now_ms_ = 0;
  std::array<Limit, kEventKinds> limits_{};
  EventRing ring_;
};

}  // namespace isthmus::nat
