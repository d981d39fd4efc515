// SPDX-License-Identifier: BSD-3-Clause
// Our side of the cookies (RFC 7873 5.3) that we exchange with one resolver.
//
// Theory of operation. The client cookie is random, one for each resolver, and lasts as long as the
// list of resolvers does (RFC 9018 3). What the resolver adds is sent back with the next query.
// Once it has answered with our cookie an answer without one is not believed, since a forger cannot
// know it; over TCP it is, and then nothing more is expected: resolvers get replaced.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "dns64/wire.h"

namespace isthmus::dns64 {

class PeerCookies {
 public:
  enum class Verdict : uint8_t { kNone, kOurs, kWrong, kMissing };

  /// What a query carries: the client cookie, and the server's if it is known.
  Bytes to_send(const std::function<uint64_t()>& random) {
    if (size_ == 0) {
      const uint64_t bits = random();
      std::memcpy(cookie_.data(), &bits, sizeof bits);
      size_ = kClientSize;
    }
    return Bytes(cookie_).first(size_);
  }
  /// Judges, and learns from, the answer to a query that carried a cookie.
  Verdict take(const Edns& answer) {
    if (answer.cookie.empty()) return expected_ ? Verdict::kMissing : Verdict::kNone;
    // RFC 7873 5.3: an illegal length or another client cookie than ours: MUST be discarded.
    if (answer.bad_cookie || answer.cookie.size() <= kClientSize ||
        std::memcmp(answer.cookie.data(), cookie_.data(), kClientSize) != 0) {
      return Verdict::kWrong;
    }
    std::memcpy(cookie_.data(), answer.cookie.data(), answer.cookie.size());
    size_ = static_cast<uint8_t>(answer.cookie.size());
    expected_ = true;
    return Verdict::kOurs;
  }
  /// It was seen, where it cannot be forged, that the resolver does without.
  void expect_none() {
    expected_ = false;
    if (size_ > kClientSize) size_ = kClientSize;
  }

 private:
  static constexpr uint8_t kClientSize = 8;
  static constexpr std::size_t kMaxSize = 40;

  std::array<uint8_t, kMaxSize> cookie_{};
  uint8_t size_ = 0;
  bool expected_ = false;
};

}  // namespace isthmus::dns64
