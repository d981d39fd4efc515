// SPDX-License-Identifier: BSD-3-Clause
#include "dns64/cookies.h"

namespace isthmus::dns64 {
namespace {

constexpr std::size_t kClientSize = 8;
constexpr std::size_t kServerSize = 16;
constexpr std::size_t kVersionAndTime = 8;  // version 1, three reserved octets, seconds
constexpr uint32_t kOldest = 3600;

}  // namespace

bool Cookies::check(TimeMs now, const Message& query, Asker& asker) const {
  const Bytes given = query.edns.cookie;
  if (given.empty() || query.edns.bad_cookie) return false;
  const auto seconds = static_cast<uint32_t>(now / 1000);
  const auto hash_for = [&](Bytes version_and_time) {
    std::array<uint8_t, kClientSize + kVersionAndTime + sizeof(net::Ip6)> input;
    std::memcpy(input.data(), given.data(), kClientSize);
    std::memcpy(input.data() + kClientSize, version_and_time.data(), kVersionAndTime);
    std::memcpy(input.data() + kClientSize + kVersionAndTime, asker.client.bytes.data(),
                sizeof(net::Ip6));
    return siphash(key_, input);
  };
  bool known = false;
  if (given.size() == kClientSize + kServerSize) {
    const Bytes server = given.subspan(kClientSize);
    const uint64_t hash = hash_for(server.first(kVersionAndTime));
    known = std::memcmp(&hash, &server[kVersionAndTime], sizeof hash) == 0 &&
            seconds - get32(server, 4) <= kOldest;
  }
  auto& out = asker.cookie;
  std::memcpy(out.data(), given.data(), kClientSize);
  uint8_t* const server = out.data() + kClientSize;
  const uint8_t head[kVersionAndTime] = {1,
                                         0,
                                         0,
                                         0,
                                         static_cast<uint8_t>(seconds >> 24),
                                         static_cast<uint8_t>(seconds >> 16),
                                         static_cast<uint8_t>(seconds >> 8),
                                         static_cast<uint8_t>(seconds)};
  std::memcpy(server, head, sizeof head);
  const uint64_t hash = hash_for(head);
  std::memcpy(server + kVersionAndTime, &hash, sizeof hash);
  asker.has_cookie = true;
  return known;
}

}  // namespace isthmus::dns64
