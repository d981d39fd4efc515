// SPDX-License-Identifier: BSD-3-Clause
// Bytes with head- and tailroom, as a net::PacketBuf. The block is exactly as large as promised, so
// that AddressSanitizer sees the first byte too many on either side.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>

#include "net/packet_buf.h"
#include "packets/builder.h"

namespace isthmus::test {

class Buffer {
 public:
  static constexpr uint16_t kTailroom = 128;

  explicit Buffer(const Bytes& packet, uint16_t headroom = net::kMinHeadroom,
                  uint16_t tailroom = kTailroom)
      : block_(new uint8_t[headroom + packet.size() + tailroom]) {
    std::fill_n(block_.get(), headroom + packet.size() + tailroom, uint8_t{0xee});
    if (!packet.empty()) std::memcpy(block_.get() + headroom, packet.data(), packet.size());
    buf_.data = block_.get() + headroom;
    buf_.length = static_cast<uint32_t>(packet.size());
    buf_.headroom = headroom;
    buf_.tailroom = tailroom;
  }

  net::PacketBuf& operator*() { return buf_; }
  net::PacketBuf* operator->() { return &buf_; }
  const net::PacketBuf* operator->() const { return &buf_; }
  /// The packet as it is now.
  Bytes bytes() const { return {buf_.data, buf_.data + buf_.length}; }

 private:
  std::unique_ptr<uint8_t[]> block_;
  net::PacketBuf buf_;
};

}  // namespace isthmus::test
