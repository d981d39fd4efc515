// SPDX-License-Identifier: BSD-3-Clause
// hot path
// The records of a translator's tables, and the keys by which they are found.
#pragma once

#include <cstdint>
#include <cstring>

#include "nat/info.h"
#include "net/addr.h"
#include "net/hash.h"

namespace isthmus::nat {

enum class Direction : uint8_t { k6To4 = 0, k4To6 = 1 };

/// Which lifetime a session lives under. Stored with the instance: see timer_slot().
enum class TimerClass : uint8_t {
  kUdp,
  kIcmp,
  kTcpEstablished,
  kTcpOpening,
  kTcpClosing,
  kUdpShort,
  kPortless,
};
inline constexpr unsigned kTimerClasses = 8;
inline constexpr unsigned kMaxInstances = 256 / kTimerClasses;

constexpr uint8_t timer_slot(uint8_t instance, TimerClass timer) {
  return static_cast<uint8_t>(instance * kTimerClasses + static_cast<unsigned>(timer));
}

/// Both names of a session. The inside name is all but pool and pool_port, the outside name all but
/// inside, inside_port and prefix; so one layout serves both searches, compared as four words under
/// a mask. Remote and ports lie as they do in an IPv6 packet whose prefix has 96 bits. For ICMP
/// queries remote_port is zero: the identifier belongs to the inside host alone. All ports of
/// protocols without ports are zero, so that such a session has (protocol, pool, remote) for
/// itself.
struct SessionKey {
  net::Ip6 inside;
  net::Ip4 remote;
  net::Be16 inside_port;
  net::Be16 remote_port;
  net::Ip4 pool;
  net::Be16 pool_port;
  uint8_t protocol;  ///< 1 for ICMP queries; 0: the record is free
  uint8_t prefix;    ///< index over all stateful prefixes

  struct Words {
    uint64_t w[4];
  };
  /// One by one: a copy of all at once goes through vector registers, and back through memory.
  Words words() const {
    const auto* at = reinterpret_cast<const unsigned char*>(this);
    Words out;
    for (unsigned i = 0; i < 4; ++i) std::memcpy(&out.w[i], at + 8 * i, 8);
    return out;
  }
  static SessionKey from(const Words& words) {
    SessionKey out;
    std::memcpy(static_cast<void*>(&out), &words, sizeof out);
    return out;
  }
};
static_assert(sizeof(SessionKey) == 32);

// Bits of words 2 and 3 that each name consists of.
inline constexpr uint64_t kInsideMask3 = 0xffff000000000000;
inline constexpr uint64_t kOutsideMask2 = 0xffff0000ffffffff;
inline constexpr uint64_t kOutsideMask3 = 0x00ffffffffffffff;

inline bool same_inside(const SessionKey::Words& x, const SessionKey::Words& y) {
  return ((x.w[0] ^ y.w[0]) | (x.w[1] ^ y.w[1]) | (x.w[2] ^ y.w[2]) |
          ((x.w[3] ^ y.w[3]) & kInsideMask3)) == 0;
}
inline bool same_outside(const SessionKey::Words& x, const SessionKey::Words& y) {
  return (((x.w[2] ^ y.w[2]) & kOutsideMask2) | ((x.w[3] ^ y.w[3]) & kOutsideMask3)) == 0;
}
inline bool same_inside(const SessionKey& a, const SessionKey& b) {
  return same_inside(a.words(), b.words());
}
inline bool same_outside(const SessionKey& a, const SessionKey& b) {
  return same_outside(a.words(), b.words());
}
inline uint64_t hash_inside(const net::HashKey& key, const SessionKey::Words& x) {
  // Protocol and prefix take only a few values; the inside address keeps the sum apart.
  return net::hash_words(key, x.w[0] ^ x.w[3] >> 48, x.w[1], x.w[2]);
}
/// As they stand on the wire: (source, destination), (ports, protocol).
inline uint64_t hash_outside(const net::HashKey& key, uint64_t addresses, uint64_t rest) {
  return net::hash_words(key, addresses, rest);
}
inline uint64_t hash_outside(const net::HashKey& key, const SessionKey::Words& x) {
  // In the order of an IPv4 packet: addresses, ports, protocol.
  const uint64_t addresses = (x.w[2] & 0xffffffff) | x.w[3] << 32;
  const uint64_t ports = x.w[2] >> 48 | (x.w[3] >> 32 & 0xffff) << 16;
  return hash_outside(key, addresses, ports | (x.w[3] >> 48 & 0xff) << 32);
}
inline uint64_t hash_inside(const net::HashKey& key, const SessionKey& k) {
  return hash_inside(key, k.words());
}
inline uint64_t hash_outside(const net::HashKey& key, const SessionKey& k) {
  return hash_outside(key, k.words());
}

/// One cache line: all that an established packet of either direction reads or writes.
struct alignas(64) Session {
  SessionKey key;
  uint32_t last_seen_ms;
  TcpState state;  ///< kNone unless TCP
  uint8_t timer;   ///< timer_slot()
  uint16_t delta;  ///< checksum delta of pseudo-header and ports, 6->4
  uint32_t binding;
  uint32_t packets[2];  ///< by Direction; wraps after 2^32
  uint32_t bytes_low[2];
  uint16_t bytes_high[2];

  bool live() const { return key.protocol != 0; }
  void count(Direction direction, uint32_t bytes) {
    const auto d = static_cast<unsigned>(direction);
    ++packets[d];
    bytes_low[d] += bytes;
    bytes_high[d] = static_cast<uint16_t>(bytes_high[d] + (bytes_low[d] < bytes ? 1 : 0));
  }
  uint64_t bytes(Direction direction) const {
    const auto d = static_cast<unsigned>(direction);
    return uint64_t{bytes_high[d]} << 32 | bytes_low[d];
  }
};
static_assert(sizeof(Session) == 64);

/// (inside address, port) <-> (pool address, port), RFC 6146 3.1. Each prefix has its own: with two
/// prefixes one inside port could otherwise reach one remote port twice under one outside name.
struct Binding {
  net::Ip6 inside;
  net::Be16 inside_port;
  uint8_t protocol;  ///< 0: free
  uint8_t prefix;
  net::Ip4 pool;
  net::Be16 pool_port;
  uint16_t flags;
  uint32_t sessions;  ///< in a free record: the next free one

  // The high octet of flags is the instance.
  static constexpr uint16_t kStatic = 1;
  static constexpr uint16_t kNoCell = 2;    ///< its cell is not one of those that Pools lends
  static constexpr uint16_t kDetached = 4;  ///< no packet finds it; only its sessions know it
  static constexpr uint16_t kLeased = 8;    ///< an inside host asked for it (PCP)
  bool live() const { return protocol != 0; }
  bool is_static() const { return (flags & kStatic) != 0; }
  bool is_leased() const { return (flags & kLeased) != 0; }
  /// Whether it outlives its sessions.
  bool stays() const { return (flags & (kStatic | kLeased)) != 0; }
};
static_assert(sizeof(Binding) == 32);

inline uint64_t hash_binding_inside(const net::HashKey& key, const net::Ip6& inside, net::Be16 port,
                                    uint8_t protocol, uint8_t prefix) {
  return net::hash_ip6(key, inside, uint64_t{port.raw()} << 16 | uint64_t{protocol} << 8 | prefix);
}
inline uint64_t hash_binding_outside(const net::HashKey& key, net::Ip4 pool, net::Be16 port,
                                     uint8_t protocol) {
  return net::hash_words(key, pool.value.raw(), uint64_t{port.raw()} << 8 | protocol);
}

/// Under what a new flow from inside looks for the records that it may share with others.
struct FlowHashes {
  uint64_t binding;  ///< by its inside name
  uint64_t subscriber;
};

/// Under what a session and what ends with it stand in the indexes.
struct EndHashes {
  uint64_t inside, outside;  ///< its own
  uint64_t subscriber;
  uint64_t binding_inside, binding_outside;
};

/// What bindings are counted by: TCP, UDP, and ICMP with all else.
inline constexpr unsigned kBindingClasses = 3;
constexpr unsigned binding_class(uint8_t protocol) {
  return protocol == 6 ? 0 : protocol == 17 ? 1 : 2;
}

/// An inside prefix within one instance (RFC 6888: "subscriber").
struct Subscriber {
  net::Ip6 prefix;
  uint32_t address;  ///< index into Pools: its paired pool address (RFC 4787 REQ-2)
  uint32_t sessions;
  uint32_t bindings[kBindingClasses];
  // Token bucket of new sessions; what is left, in thousandths, and when that was true.
  uint32_t tokens;
  uint32_t refilled_ms;
  uint8_t instance;
  uint8_t live;
  uint16_t reserved;

  uint32_t all_bindings() const { return bindings[0] + bindings[1] + bindings[2]; }
};
static_assert(sizeof(Subscriber) == 48);

}  // namespace isthmus::nat
