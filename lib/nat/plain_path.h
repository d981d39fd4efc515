// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Plain packets of established sessions, for loops that want no call a packet.
//
// Theory of operation. The worker hashes a plain packet while its headers are in registers, and
// fetches what the search will look at: fetch_plain(). Core::decide_batch() then finds the session,
// and once the way is known translate_plain() makes the new packet from it. Both ends name the flow
// by the same words: plain_key() reads from the wire what Core::key_of() puts together for others.
#pragma once

#include <cstddef>

#include "nat/core.h"
#include "net/plain.h"
#include "xlat/plain.h"

namespace isthmus::nat {

/// key_of() for plain packets, whose fields lie on the wire as they lie in the key.
template <Direction kDirection>
[[gnu::always_inline]] inline SessionKey::Words plain_key(const uint8_t* ip, uint8_t prefix) {
  using net::load;
  if constexpr (kDirection == Direction::k6To4) {
    const uint64_t protocol = ip[offsetof(net::Ip6Header, next_header)];
    return {{load<uint64_t>(ip + 8), load<uint64_t>(ip + 16), load<uint32_t>(ip + 36),
             load<uint32_t>(ip + 40) | protocol << 48 | uint64_t{prefix} << 56}};
  } else {
    const uint64_t protocol = ip[offsetof(net::Ip4Header, protocol)];
    return {
        {0, 0, load<uint64_t>(ip + 12), uint64_t{load<uint32_t>(ip + 20)} << 16 | protocol << 48}};
  }
}

/// What of a worker's tables the search for plain packets' sessions begins with: copies, so that a
/// loop may keep them in registers.
struct PlainSearch {
  net::HashKey key;
  Index inside, outside;

  explicit PlainSearch(const Tables& tables)
      : key(tables.hash_key()),
        inside(tables.index(Direction::k6To4)),
        outside(tables.index(Direction::k4To6)) {}

  /// For Batch::hash. The line that is looked at first is on its way.
  template <Direction kDirection>
  [[gnu::always_inline]] uint64_t fetch(const uint8_t* ip, uint8_t prefix) const {
    const auto words = plain_key<kDirection>(ip, prefix);
    constexpr bool v6 = kDirection == Direction::k6To4;
    const uint64_t hash = v6 ? hash_inside(key, words) : hash_outside(key, words);
    (v6 ? inside : outside).prefetch(hash);
    return hash;
  }
};

/// Packets translated in one burst, and their bytes.
struct PlainCount {
  uint64_t packets = 0, bytes = 0;
};

/// Turns `buf` into what session `s` makes of it. False if it does not fit `mtu`; it is untouched.
template <Direction kDirection>
[[gnu::always_inline]] inline bool Core::translate_plain(net::PacketBuf& buf, const Session& s,
                                                         uint16_t mtu) {
  const auto& policy = plain_policies_[s.timer / kTimerClasses];
  if constexpr (kDirection == Direction::k6To4) {
    if (buf.length > mtu + xlat::kPlainGrowth) return false;
    xlat::plain_6to4(buf, {s.key.pool, s.key.remote, s.key.pool_port, s.key.remote_port, true},
                     policy, ids_, net::ChecksumDelta::from_raw(s.delta));
  } else {
    if (!xlat::plain_4to6_fits(buf, policy, mtu)) return false;
    xlat::plain_4to6(buf,
                     {prefix_of(s.key).embed(s.key.remote), s.key.inside, s.key.remote_port,
                      s.key.inside_port, true},
                     policy, -net::ChecksumDelta::from_raw(s.delta));
  }
  return true;
}

template <Direction kDirection>
void Core::count_plain(const PlainCount& done) {
  using telemetry::Counter;
  constexpr bool v6 = kDirection == Direction::k6To4;
  counters_.add(v6 ? Counter::kNat64Out : Counter::kNat64In, done.packets);
  counters_.add(v6 ? Counter::kNat64OutBytes : Counter::kNat64InBytes, done.bytes);
}

}  // namespace isthmus::nat
