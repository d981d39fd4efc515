// SPDX-License-Identifier: BSD-3-Clause
#include "xlat/mss.h"

#include <algorithm>
#include <cstring>

#include "net/checksum.h"
#include "net/headers.h"

namespace isthmus::xlat {

using namespace net;  // NOLINT: this file speaks of little else

namespace {

constexpr uint8_t kEnd = 0;
constexpr uint8_t kNoOperation = 1;
constexpr uint8_t kMss = 2;
constexpr uint8_t kMssLength = 4;

// IP and TCP headers without options: the MSS counts neither (RFC 6691 2, RFC 9293 3.7.1).
constexpr uint32_t kHeaders4 = sizeof(Ip4Header) + sizeof(TcpHeader);
constexpr uint32_t kHeaders6 = sizeof(Ip6Header) + sizeof(TcpHeader);

// What every IPv4 host accepts (RFC 1122 3.3.2): no MSS below 536.
constexpr uint32_t kLeastMtu4 = 576;

uint16_t swapped(uint16_t word) {
  return static_cast<uint16_t>(word << 8 | word >> 8);
}

// The MSS value of the options in [at, end), or nullptr.
uint8_t* find_mss(uint8_t* at, const uint8_t* end) {
  while (at < end && *at != kEnd) {
    if (*at == kNoOperation) {
      ++at;
      continue;
    }
    if (end - at < 2 || at[1] < 2 || at[1] > end - at) return nullptr;
    if (*at == kMss) return at[1] == kMssLength ? at + 2 : nullptr;
    at += at[1];
  }
  return nullptr;
}

}  // namespace

uint16_t mss_limit(const Policy& policy, const Path& path) {
  if (policy.mss_clamp != kMssAuto) return policy.mss_clamp == kMssOff ? 0xffff : policy.mss_clamp;
  // What the sender of the SYN accepts travels the other way, from one side to the other; it has to
  // fit both. An IPv6 link carries 20 bytes less of it.
  const uint32_t fits = std::min(std::max<uint32_t>(path.mtu4, kLeastMtu4) - kHeaders4,
                                 std::max<uint32_t>(path.mtu6, kIp6MinMtu) - kHeaders6);
  return static_cast<uint16_t>(fits);
}

void clamp_mss(uint8_t* l4, uint32_t available, uint16_t limit) {
  auto* tcp = header_at<TcpHeader>(l4);
  const uint32_t length = (tcp->data_offset >> 4) * 4u;
  if (length > available) return;
  uint8_t* value = find_mss(l4 + sizeof(TcpHeader), l4 + std::max<uint32_t>(length, 20));
  if (value == nullptr) return;
  Be16 old;
  std::memcpy(&old, value, sizeof old);
  if (old.host() <= limit) return;
  const Be16 now(limit);
  std::memcpy(value, &now, sizeof now);
  // At an odd offset the octets belong to two words, and count with their places swapped.
  const bool odd = (value - l4) % 2 != 0;
  const uint64_t before = odd ? swapped(old.raw()) : old.raw();
  const uint64_t after = odd ? swapped(now.raw()) : now.raw();
  tcp->checksum = ChecksumDelta::between(before, after).apply(tcp->checksum);
}

}  // namespace isthmus::xlat
