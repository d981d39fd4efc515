// SPDX-License-Identifier: BSD-3-Clause
// hot path
// How many ICMP errors a worker originates: in all (RFC 4443 2.4 f), and to one host.
//
// Theory of operation. A host is told by a hash of its address, in IPv6 of its /64. Each hash has a
// bucket of tokens; two hosts with one bucket share it, and a bucket whose host changes goes on
// with the tokens that it had, so that alternating between addresses gains nothing. The host's
// bucket is asked first: who is refused there takes no token from others.
#pragma once

#include <array>
#include <cstdint>

#include "net/addr.h"
#include "net/hash.h"
#include "xlat/icmp_error.h"

namespace isthmus::nat {

class ErrorLimits {
 public:
  explicit ErrorLimits(const net::HashKey& key) : key_(key) {}

  /// Per second; `per_source` 0: no limit of that kind.
  void set(uint32_t per_second, uint32_t per_source);
  bool allow(net::Ip4 to, uint32_t now_ms) {
    return per_source_ == 0 ? all_.allow(now_ms)
                            : allow_source(net::hash_words(key_, to.value.raw(), 4), now_ms);
  }
  bool allow(const net::Ip6& to, uint32_t now_ms) {
    return per_source_ == 0 ? all_.allow(now_ms)
                            : allow_source(net::hash_words(key_, to.raw_high(), 6), now_ms);
  }

 private:
  static constexpr std::size_t kBuckets = 1024;
  bool allow_source(uint64_t hash, uint32_t now_ms);

  net::HashKey key_;
  xlat::RateLimiter all_{0, 0};
  uint32_t per_source_ = 0;
  std::array<xlat::RateLimiter, kBuckets> sources_{};
};

}  // namespace isthmus::nat
