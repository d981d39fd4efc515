// SPDX-License-Identifier: BSD-3-Clause
// Why a packet was not forwarded. One X-list; the enum, the counter array, the CLI, the metrics and
// doc/generated/counters.md all come from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace isthmus::telemetry {

// X(identifier, "name", "what happened, in the operator's words")
#define ISTHMUS_DROP_REASONS(X)                                                                    \
  /* parse: the bytes are not a packet we may act on */                                            \
  X(kTruncated, "truncated", "frame ends before the headers it announces")                         \
  X(kBadVersion, "bad-version", "IP version does not match the frame's EtherType")                 \
  X(kBadLength, "bad-length", "a length field contradicts the frame or another header")            \
  X(kBadChecksum4, "bad-checksum-ip4", "IPv4 header checksum is wrong")                            \
  X(kBadChecksumIcmp, "bad-checksum-icmp", "checksum of an ICMP error is wrong (RFC 5508 3)")      \
  X(kExtHeader, "ext-header", "IPv6 extension header chain too long or not allowed here")          \
  X(kUnknownEtherType, "unknown-ethertype", "frame is neither IPv4, IPv6 nor ARP")                 \
  X(kUnknownVlan, "unknown-vlan", "VLAN tag that no interface of the port bears")                  \
  X(kIllegalSource, "illegal-source", "source address may not be a sender's (RFC 7915 4.1, 5.1)")  \
  X(kSourceRoute, "source-route", "unexpired source route or routing header (RFC 7915 4.1, 5.1)")  \
  /* classify and route */                                                                         \
  X(kNotForUs, "not-for-us", "destination is in no prefix, pool or mapping of ours")               \
  X(kNotServed, "not-served", "no NAT64 instance serves the sender: it is in no `sources`")        \
  X(kNoRoute, "no-route", "no route to the translated destination")                                \
  X(kNeighborFailed, "neighbor-failed", "next hop did not answer ARP or neighbor discovery")       \
  X(kPuntFull, "punt-full", "ring to the control core is full")                                    \
  X(kHandoffFull, "handoff-full", "ring to the owning worker is full")                             \
  X(kHandoffLoop, "handoff-loop", "packet was handed off more often than any path needs")          \
  X(kTxFull, "tx-full", "port's transmit queue is full")                                           \
  X(kNoBuffer, "no-buffer", "packet buffers are exhausted")                                        \
  /* translation, RFC 7915 and 6052 */                                                             \
  X(kHopLimit, "hop-limit", "TTL or Hop Limit ran out (RFC 7915 4.1, 5.1)")                        \
  X(kTooBig, "too-big", "packet exceeds the next hop's MTU and may not be fragmented")             \
  X(kIcmpUntranslatable, "icmp-untranslatable", "ICMP type or code has no counterpart")            \
  X(kIcmpInner, "icmp-inner", "packet quoted in an ICMP error is unusable")                        \
  X(kUdpZeroChecksum, "udp-zero-checksum", "UDP checksum is zero and policy forbids it")           \
  X(kProtocol, "protocol", "transport protocol that stateful NAT64 does not carry (RFC 6146 3.4)") \
  X(kWkpNonGlobal, "wkp-non-global", "non-global IPv4 address in 64:ff9b::/96 (RFC 6052 3.1)")     \
  X(kNoMapping, "no-mapping", "stateless: address has no mapping")                                 \
  /* fragments */                                                                                  \
  X(kFragment, "fragment", "fragment that cannot be attributed to a session")                      \
  X(kFragmentLimit, "fragment-limit", "too many fragments held, or held too long")                 \
  /* stateful NAT64, RFC 6146 */                                                                   \
  X(kSpoofed, "spoofed", "source that is not routed back, or is ours (spoof check)")               \
  X(kSourceInPrefix, "source-in-prefix", "IPv6 source lies in a NAT64 prefix (RFC 6146 3.5)")      \
  X(kNoBinding, "no-binding", "no binding for this pool address and port")                         \
  X(kNoSession, "no-session", "TCP segment or ICMP error that belongs to no session")              \
  X(kFiltered, "filtered", "refused by address-dependent filtering or other policy")               \
  X(kDenied, "denied", "refused by an allow or deny list")                                         \
  X(kPoolExhausted, "pool-exhausted", "no pool address and port left")                             \
  X(kSessionLimit, "session-limit", "session table is full")                                       \
  X(kBindingLimit, "binding-limit", "binding table is full")                                       \
  X(kSubscriberTable, "subscriber-table", "subscriber table is full")                              \
  X(kSubscriberLimit, "subscriber-limit", "subscriber reached a limit of its own")                 \
  X(kSubscriberRate, "subscriber-rate", "subscriber opens sessions faster than it may")            \
  X(kSynHeld, "syn-held", "inbound SYN stored, waiting for the inside to open (RFC 6146 3.5.2)")   \
  X(kSynDropped, "syn-dropped", "inbound SYN refused: no room to store it")                        \
  X(kIcmpRateLimit, "icmp-rate-limit", "ICMP error not originated: rate limit (RFC 4443 2.4)")

enum class DropReason : uint8_t {
  kNone = 0,
#define X(id, name, help) id,
  ISTHMUS_DROP_REASONS(X)
#undef X
      kCount
};

inline constexpr std::size_t kDropReasonCount = static_cast<std::size_t>(DropReason::kCount);

/// Stable name, as the CLI and metrics print it ("none" for kNone).
std::string_view name(DropReason reason);

/// One line of help for an operator.
std::string_view help(DropReason reason);

}  // namespace isthmus::telemetry
