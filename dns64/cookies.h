// SPDX-License-Identifier: BSD-3-Clause
// Server cookies (RFC 7873) in the form of RFC 9018: a client that shows one that we made for its
// address has received something there, so it is not forging its source.
#pragma once

#include <functional>

#include "dns64/query.h"
#include "dns64/siphash.h"

namespace isthmus::dns64 {

using TimeMs = uint64_t;

class Cookies {
 public:
  explicit Cookies(const std::function<uint64_t()>& random) : key_{random(), random()} {}

  /// Puts the cookie for the answer into `asker`, if `query` has a client cookie. True: the query
  /// shows a server cookie of ours, not older than an hour (RFC 9018 4.3).
  bool check(TimeMs now, const Message& query, Asker& asker) const;

 private:
  SipKey key_;
};

}  // namespace isthmus::dns64
