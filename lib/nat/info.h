// SPDX-License-Identifier: BSD-3-Clause
// What a translator tells the control core about its state: plain copies, made on the owner's
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <variant>

#include "net/addr.h"

namespace isthmus::nat {

enum class TcpState : uint8_t {
  kNone,  ///< not TCP
  kClosed,
  kV4Init,
  kV6Init,
  kEstablished,
  kV4FinRcv,
  kV6FinRcv,
  kV4V6FinRcv,
  kTrans,
};

struct SessionInfo {
  net::Ip6 inside;
  net::Be16 inside_port{};
  net::Ip4 outside;
  net::Be16 outside_port{};
  net::Ip4 remote;
  net::Be16 remote_port{};
  uint8_t protocol = 0;  ///< 6, 17, or 1 for ICMP queries
  uint8_t instance = 0;
  TcpState state = TcpState::kNone;
  uint32_t idle_ms = 0;
  uint32_t expires_in_ms = 0;
  uint64_t packets_6to4 = 0, packets_4to6 = 0, bytes_6to4 = 0, bytes_4to6 = 0;
};

struct BindingInfo {
  net::Ip6 inside;
  net::Be16 inside_port{};
  net::Ip4 outside;
  net::Be16 outside_port{};
  uint8_t protocol = 0;
  uint8_t instance = 0;
  bool is_static = false;
  uint32_t sessions = 0;
  bool is_leased = false;  ///< by PCP
};

/// A binding that an inside host asks for (RFC 6887 11.3).
struct LeaseWish {
  uint8_t instance = 0;
  uint8_t protocol = 0;  ///< 6 or 17
  net::Ip6 inside;
  net::Be16 inside_port{};
  net::Ip4 outside;  ///< suggested; 0.0.0.0: any
  net::Be16 outside_port{};
  bool nothing_else = false;
};

struct Leased {
  net::Ip4 outside;
  net::Be16 outside_port{};
  bool is_static = false;  ///< it was bound by the operator, and stays so
};

enum class LeaseRefusal : uint8_t {
  kOtherCell,  ///< what was suggested cannot be had, and nothing else is wanted
  kPoolFull,
  kLimit,  ///< of the subscriber
  kTableFull,
  kDenied,  ///< access lists keep others from reaching it
};

using LeaseAnswer = std::variant<Leased, LeaseRefusal>;

/// A static binding (RFC 6146 3.1) as it is asked for.
struct StaticBinding {
  uint8_t instance = 0;
  uint8_t protocol = 0;  ///< 6, 17, or 1 for ICMP queries; 0: the addresses with all they carry
  net::Ip6 inside;
  net::Be16 inside_port{};  ///< 0 of a whole address
  net::Ip4 outside;
  net::Be16 outside_port{};

  bool is_whole() const { return protocol == 0; }
};

/// A port block that a subscriber has.
struct BlockInfo {
  net::Ip6Prefix inside;  ///< the subscriber
  net::Ip4 outside;
  uint16_t first_port = 0, last_port = 0;
  uint8_t instance = 0;
  uint16_t pool = 0;  ///< within the instance
  uint32_t used_tcp = 0, used_udp = 0, used_icmp = 0;
  bool resting = false;        ///< no port in use: it goes back in a while
  uint32_t returns_in_ms = 0;  ///< of a resting one
};

/// An inside prefix that has bindings, and what it takes.
struct SubscriberInfo {
  net::Ip6Prefix inside;
  net::Ip4 outside;        ///< its paired pool address (RFC 4787 REQ-2)
  bool is_paired = false;  ///< with an address that takes new bindings; else `outside` is 0.0.0.0
  uint8_t instance = 0;
  uint32_t sessions = 0;
  uint32_t bindings_tcp = 0, bindings_udp = 0, bindings_icmp = 0;  ///< the last: also portless
  uint32_t blocks = 0;                                             ///< of ports
};

/// Matches sessions and bindings; an absent field matches all. Shared by show and clear.
struct Filter {
  std::optional<net::Ip6Prefix> inside;
  std::optional<net::Ip4Prefix> outside;
  std::optional<uint16_t> outside_port;
  std::optional<net::Ip4Prefix> remote;  ///< sessions only
  std::optional<uint8_t> protocol;
};

struct PoolInfo {
  uint32_t instance = 0;
  uint32_t pool = 0;
  uint64_t addresses = 0;  ///< of which this worker owns cells
  uint64_t capacity = 0;   ///< owned cells, per protocol
  uint64_t used_tcp = 0, used_udp = 0, used_icmp = 0;
  uint64_t held = 0;                                            ///< freed ports that rest
  uint64_t blocks = 0, blocks_granted = 0, blocks_resting = 0;  ///< with port blocks
  bool shared_capacity = false;  ///< capacity is that of all workers together
};

struct TableInfo {
  uint64_t sessions = 0, session_capacity = 0;
  uint64_t bindings = 0, binding_capacity = 0;
  uint64_t subscribers = 0, subscriber_capacity = 0;
  uint64_t memory_bytes = 0;
};

/// One of the things that memory goes to.
struct MemoryPart {
  const char* name = "";
  uint64_t bytes = 0;
  uint64_t capacity = 0, used = 0;  ///< in units of its own; 0: nothing that could be counted
};

/// All that a translator has, part by part; filled on the owner's thread without allocating.
struct MemoryInfo {
  std::array<MemoryPart, 24> parts{};
  unsigned count = 0;

  void add(const MemoryPart& part) {
    if (count < parts.size()) parts[count++] = part;
  }
};

}  // namespace isthmus::nat
