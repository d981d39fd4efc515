// SPDX-License-Identifier: BSD-3-Clause
// Judging a client's message, and remembering what its answer has to look like.
#pragma once

#include <array>
#include <optional>

#include "dns64/wire.h"
#include "net/addr.h"

namespace isthmus::dns64 {

/// The largest UDP answer we send and ask for: fits any IPv6 path without fragments.
inline constexpr uint16_t kUdpPayload = 1232;
inline constexpr uint16_t kUdpPayloadWithoutEdns = 512;  // RFC 1035 4.2.1

enum class Verdict : uint8_t {
  kResolve,
  kDropMalformed,  ///< not even a header: there is nobody to answer
  kDropResponse,   ///< QR is set: answering could start a loop between two servers
  kError,          ///< answer with `rcode`
};

struct Judgement {
  Verdict verdict = Verdict::kResolve;
  Rcode rcode = kNoError;
};

Judgement judge_query(const Message& query, ParseResult parsed);

/// Who asks.
struct Client {
  net::Ip6 address;  ///< IPv4 as ::ffff:a.b.c.d
  bool tcp = false;
};

/// ::ffff:a.b.c.d, and back.
net::Ip6 map_ip4(net::Ip4 address);
std::optional<net::Ip4> unmap_ip4(const net::Ip6& address);

/// A client that waits for an answer.
struct Asker {
  uint64_t token = 0;
  Name name;  ///< in the client's own case
  net::Ip6 client;
  uint16_t id = 0;
  uint16_t flags = 0;                       ///< of the query
  uint16_t limit = kUdpPayloadWithoutEdns;  ///< largest message the client can take
  bool edns = false;
  bool dnssec_ok = false;
  bool tcp = false;
  bool trace = false;
  uint8_t view = 0;         ///< whose policy counts
  uint64_t started = 0;     ///< when it asked, ms
  bool padding = false;     ///< RFC 7830 4: asked for
  bool has_cookie = false;  ///< to be sent
  std::array<uint8_t, 24> cookie;
};

Asker asker_of(uint64_t token, const Message& query, const Client& client);

}  // namespace isthmus::dns64
