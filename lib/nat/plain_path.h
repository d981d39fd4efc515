// SPDX-License-Identifier: BSD-3-Clause
// hot path
// Plain packets of established sessions, for loops that want no call a packet.
//
// Theory of operation. The worker hashes a plain packet while its headers are in registers, and
// fetches what the search will look at: PlainSearch. Core::decide_batch() then finds the session,
// and once the way is known PlainRewrite makes the new packet from it. Both ends name the flow by
// the same words: plain_key() reads from the wire what Core::key_of() puts together for others.
#pragma once

#include <smmintrin.h>

#include <cstddef>

#include "nat/core.h"
#include "net/plain.h"
#include "xlat/plain.h"

namespace isthmus::nat {

/// The last octets of a plain packet's key: protocol and, of IPv6 packets, prefix.
template <Direction kDirection>
[[gnu::always_inline]] inline uint16_t plain_tail(const uint8_t* ip, uint8_t prefix) {
  constexpr bool v6 = kDirection == Direction::k6To4;
  return static_cast<uint16_t>(v6 ? ip[offsetof(net::Ip6Header, next_header)] | prefix << 8
                                  : ip[offsetof(net::Ip4Header, protocol)]);
}

/// key_of() for plain packets, whose fields lie on the wire as they lie in the key.
template <Direction kDirection>
[[gnu::always_inline]] inline SessionKey::Words plain_key(const uint8_t* ip, uint16_t tail) {
  using net::load;
  if constexpr (kDirection == Direction::k6To4) {
    return {{load<uint64_t>(ip + 8), load<uint64_t>(ip + 16), load<uint64_t>(ip + 36),
             uint64_t{tail} << 48}};
  } else {
    return {
        {0, 0, load<uint32_t>(ip + 12) | uint64_t{load<uint16_t>(ip + 20)} << 48,
         load<uint32_t>(ip + 16) | uint64_t{load<uint16_t>(ip + 22)} << 32 | uint64_t{tail} << 48}};
  }
}

/// Whether the session is the plain packet's: same_inside() or same_outside() with its plain_key(),
/// in vector registers.
template <Direction kDirection>
[[gnu::always_inline]] inline bool is_plain_key(const SessionKey& key, const uint8_t* ip,
                                                uint16_t tail) {
  const auto* half = reinterpret_cast<const __m128i*>(&key);
  const auto load16 = [](const uint8_t* at) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  };
  if constexpr (kDirection == Direction::k6To4) {
    const __m128i rest = _mm_insert_epi16(
        _mm_loadl_epi64(reinterpret_cast<const __m128i*>(ip + 36)), static_cast<short>(tail), 7);
    const __m128i mask = _mm_set_epi64x(static_cast<int64_t>(kInsideMask3), -1);
    const __m128i differ = _mm_and_si128(_mm_xor_si128(rest, _mm_load_si128(half + 1)), mask);
    const __m128i all = _mm_or_si128(_mm_xor_si128(load16(ip + 8), _mm_load_si128(half)), differ);
    return _mm_testz_si128(all, all) != 0;
  } else {
    // Of (TTL, protocol, checksum, source, destination, ports), as the key has them.
    const __m128i order = _mm_setr_epi8(4, 5, 6, 7, -1, -1, 12, 13, 8, 9, 10, 11, 14, 15, 1, -1);
    const __m128i mask = _mm_set_epi64x(kOutsideMask3, static_cast<int64_t>(kOutsideMask2));
    const __m128i wire = _mm_shuffle_epi8(load16(ip + 8), order);
    return _mm_testz_si128(_mm_xor_si128(wire, _mm_load_si128(half + 1)), mask) != 0;
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

  /// Where Index::candidate() is to look. The line is on its way.
  struct Place {
    const Index::Bucket* bucket;
    uint8_t tag;
  };
  template <Direction kDirection>
  [[gnu::always_inline]] Place fetch(const uint8_t* ip, uint16_t tail) const {
    using net::load;
    uint64_t hash;
    const Index::Bucket* bucket;
    if constexpr (kDirection == Direction::k6To4) {
      hash = hash_inside(key, plain_key<kDirection>(ip, tail));
      bucket = inside.bucket(hash);
    } else {
      hash = hash_outside(key, load<uint64_t>(ip + 12),
                          load<uint32_t>(ip + 20) | uint64_t{tail} << 32);
      bucket = outside.bucket(hash);
    }
    __builtin_prefetch(bucket);
    return {bucket, Index::tag_of(hash)};
  }
  /// For packets that no session is looked for.
  Place anywhere() const { return {inside.bucket(0), Index::tag_of(0)}; }
};

/// Stateless translation leaves ports alone, so the addresses are all that changes a checksum.
template <class Header, class Address>
net::ChecksumDelta address_delta(const Header& ip, const Address& source,
                                 const Address& destination) {
  return net::ChecksumDelta::between(net::sum_of(ip.source) + net::sum_of(ip.destination),
                                     net::sum_of(source) + net::sum_of(destination));
}

/// What comes with a session's prefix. The next packet's is nearly always the same.
struct PlainPrefix {
  uint8_t number = 0;  ///< SessionKey::prefix
  bool is_96 = false;
  const xlat::PlainPolicy* policy = nullptr;  ///< of its instance
  __m128i start{};                            ///< the prefix

  void take(const Core& core, uint8_t prefix);
  /// The address at `at` is to be that of `remote` under the prefix.
  [[gnu::always_inline]] void embed(net::Ip4 remote, uint8_t* at) const {
    const __m128i address = _mm_insert_epi32(start, static_cast<int>(remote.value.raw()), 3);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(at), address);
  }
};

/// Translates the plain packets of a burst of `count`: by their sessions, and those of stateless
/// instances by the addresses that were found for them.
template <Direction kDirection>
class PlainRewrite {
 public:
  PlainRewrite(Core& core, unsigned count)
      : core_(core),
        policies_(core.plain_policies_),
        first_id_(kDirection == Direction::k6To4 ? core.ids_.take(count) : 0),
        packets_(count) {
    if (kDirection == Direction::k4To6 && core.classifier.has_prefixes()) prefix_.take(core, 0);
  }
  ~PlainRewrite() {
    constexpr bool v6 = kDirection == Direction::k6To4;
    core_.counters_.add(v6 ? Counter::kNat64Out : Counter::kNat64In, packets_);
    core_.counters_.add(v6 ? Counter::kNat64OutBytes : Counter::kNat64InBytes, bytes_);
    core_.counters_.add(v6 ? Counter::kSiitOut : Counter::kSiitIn, stateless_);
  }
  PlainRewrite(const PlainRewrite&) = delete;
  PlainRewrite& operator=(const PlainRewrite&) = delete;

  /// Makes of the burst's packet `i`, of `length` bytes at `ip`, what session `s` says; and of both
  /// what they are then. False if it does not fit `mtu`; it is untouched then.
  [[gnu::always_inline]] bool run(unsigned i, uint8_t*& ip, uint32_t& length, const Session& s,
                                  uint32_t mtu) {
    const xlat::PlainPolicy& policy = policy_of(s);
    const auto delta = net::ChecksumDelta::from_raw(s.delta);
    if constexpr (kDirection == Direction::k6To4) {
      if (length - xlat::kPlainGrowth > mtu) return false;
      bytes_ += length;
      std::memcpy(ip + sizeof(net::Ip6Header), &s.key.pool_port, 2);
      ip = xlat::plain_6to4(ip, length, s.key.pool, s.key.remote, policy, id_of(i), delta);
      length -= xlat::kPlainGrowth;
    } else {
      if (!xlat::plain_4to6_fits(ip, length, policy, mtu)) return false;
      bytes_ += length;
      std::memcpy(ip + sizeof(net::Ip4Header) + 2, &s.key.inside_port, 2);
      const auto source = [&](uint8_t* at) {
        if (prefix_.is_96) [[likely]] {
          prefix_.embed(s.key.remote, at);
        } else {
          core_.prefix_of(s.key).embed(s.key.remote, at);
        }
      };
      ip = xlat::plain_4to6(ip, length, source, s.key.inside, policy, -delta);
      length += xlat::kPlainGrowth;
    }
    return true;
  }
  /// The same for one of a stateless instance.
  [[gnu::always_inline]] bool run_stateless(unsigned i, uint8_t*& ip, uint32_t& length,
                                            const Batch& batch, uint32_t mtu) {
    const PlainSiit& plain = core_.stateless_plain_[batch.tail[i]];
    const auto& policy = plain.policy;
    if constexpr (kDirection == Direction::k6To4) {
      if (length - xlat::kPlainGrowth > mtu) return false;
      const net::Ip4 source = batch.source4[i];
      const net::Ip4 destination = batch.destination4[i];
      const auto delta =
          plain.by_prefix ? plain.delta
                          : address_delta(*net::header_at<net::Ip6Header>(ip), source, destination);
      ip = xlat::plain_6to4(ip, length, source, destination, policy, id_of(i), delta);
      length -= xlat::kPlainGrowth;
    } else {
      if (!xlat::plain_4to6_fits(ip, length, policy, mtu)) return false;
      const net::Ip6& source = batch.source6[i];
      const net::Ip6& destination = batch.destination6[i];
      const auto delta =
          plain.by_prefix ? -plain.delta
                          : address_delta(*net::header_at<net::Ip4Header>(ip), source, destination);
      const auto write = [&](uint8_t* at) { net::store(at, source); };
      ip = xlat::plain_4to6(ip, length, write, destination, policy, delta);
      length += xlat::kPlainGrowth;
    }
    ++stateless_;
    --packets_;
    return true;
  }
  /// One of the burst has gone another way.
  void leave_out() { --packets_; }

 private:
  using Counter = telemetry::Counter;

  uint16_t id_of(unsigned i) const { return static_cast<uint16_t>(first_id_ + i); }

  [[gnu::always_inline]] const xlat::PlainPolicy& policy_of(const Session& s) {
    if constexpr (kDirection == Direction::k6To4) return policies_[s.timer / kTimerClasses];
    if (s.key.prefix != prefix_.number) [[unlikely]]
      prefix_.take(core_, s.key.prefix);
    return *prefix_.policy;
  }

  Core& core_;
  const xlat::PlainPolicy* const policies_;
  PlainPrefix prefix_;       ///< 4->6
  const uint32_t first_id_;  ///< each packet of the burst has an identification of its own
  uint64_t packets_, bytes_ = 0, stateless_ = 0;
};

}  // namespace isthmus::nat
