// SPDX-License-Identifier: BSD-3-Clause
// What a worker counts. One X-list; see drop_reason.h for why.
//
// Theory of operation. Each worker owns one Counters and is its only writer; it uses plain adds.
// The control core reads the same words with relaxed loads (tearing is impossible for aligned
// 64-bit words) and sums over workers. Clearing never writes to a worker's words: the control core
// keeps a baseline and subtracts it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "telemetry/drop_reason.h"

namespace isthmus::telemetry {

// X(identifier, "name", "help")
#define ISTHMUS_COUNTERS(X)                                                                      \
  X(kRxPackets, "rx-packets", "packets received from ports")                                     \
  X(kRxBytes, "rx-bytes", "bytes received from ports")                                           \
  X(kTxPackets, "tx-packets", "packets handed to ports")                                         \
  X(kTxBytes, "tx-bytes", "bytes handed to ports")                                               \
  X(kNat64Out, "nat64-6to4-packets", "stateful packets translated from IPv6 to IPv4")            \
  X(kNat64OutBytes, "nat64-6to4-bytes", "their bytes on the IPv6 side")                          \
  X(kNat64In, "nat64-4to6-packets", "stateful packets translated from IPv4 to IPv6")             \
  X(kNat64InBytes, "nat64-4to6-bytes", "their bytes on the IPv4 side")                           \
  X(kSiitOut, "siit-6to4-packets", "stateless packets translated from IPv6 to IPv4")             \
  X(kSiitIn, "siit-4to6-packets", "stateless packets translated from IPv4 to IPv6")              \
  X(kHairpin, "hairpin-packets", "packets turned around between two inside hosts")               \
  X(kPassedThrough, "passed-through", "packets forwarded untranslated")                          \
  X(kIcmpErrorsTranslated, "icmp-errors-translated", "ICMP errors translated, both directions")  \
  X(kIcmpErrorsSent, "icmp-errors-sent", "ICMP errors originated by the gateway")                \
  X(kFragmentsOut, "fragments-created", "fragments made because a packet did not fit")           \
  X(kPacketsSplit, "packets-split", "packets that left as such fragments, all of them made")     \
  X(kFragmentsHeld, "fragments-held", "early fragments kept until the first names the ports")    \
  X(kTcpProbes, "tcp-probes-sent", "probes sent for idle established sessions (RFC 6146 3.5.2)") \
  X(kBindingsCreated, "bindings-created", "bindings made")                                       \
  X(kBindingsDeleted, "bindings-deleted", "bindings removed")                                    \
  X(kSessionsCreated, "sessions-created", "sessions made")                                       \
  X(kSessionsDeleted, "sessions-deleted", "sessions removed")                                    \
  X(kSessionsPoolRemoved, "sessions-pool-removed", "of which because their pool was removed")    \
  X(kBlocksGranted, "blocks-granted", "port blocks given to subscribers")                        \
  X(kBlocksReturned, "blocks-returned", "port blocks that subscribers had")                      \
  X(kHandoffOut, "handoff-out", "packets handed to another worker")                              \
  X(kHandoffIn, "handoff-in", "packets received from another worker")                            \
  X(kPunted, "punted", "packets given to the control core")                                      \
  X(kPuntedDns, "punted-dns", "of which DNS queries")                                            \
  X(kInjected, "injected", "packets sent out for the control core")                              \
  X(kUnresolved, "unresolved", "packets given to the control core to wait for a neighbor")       \
  X(kEventsLost, "events-lost", "events that found no room in the ring to the control core")

enum class Counter : uint8_t {
#define X(id, name, help) id,
  ISTHMUS_COUNTERS(X)
#undef X
      kCount
};

inline constexpr std::size_t kCounterCount = static_cast<std::size_t>(Counter::kCount);

std::string_view name(Counter counter);
std::string_view help(Counter counter);

/// A worker's counters and drop reasons.
struct alignas(64) Counters {
  std::array<uint64_t, kCounterCount> value{};
  std::array<uint64_t, kDropReasonCount> drop{};

  void add(Counter counter, uint64_t n = 1) { value[static_cast<std::size_t>(counter)] += n; }
  void add_drop(DropReason reason, uint64_t n = 1) { drop[static_cast<std::size_t>(reason)] += n; }
  uint64_t get(Counter counter) const { return value[static_cast<std::size_t>(counter)]; }
  uint64_t get(DropReason reason) const { return drop[static_cast<std::size_t>(reason)]; }
};

}  // namespace isthmus::telemetry
