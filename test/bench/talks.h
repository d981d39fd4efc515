// SPDX-License-Identifier: BSD-3-Clause
// TCP connections from their first packet to their last, many at a time.
//
// Theory of operation. A wave of new connections goes through the exchange step by step: all SYNs,
// all answers to them, and so on; as if each were waited for a round-trip time long, in which the
// others' packets come. A wave that is over is left to expire. What the gateway made of a SYN is
// told from others by its sequence number. What a connection takes is the sum of its steps, of each
// the median of short windows, so that those in which the machine did something else do not count.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "bench/gateway.h"

namespace isthmus::bench {

class Talks {
 public:
  /// SYN, SYN and ACK, ACK; data each way; FIN each way, ACK.
  static constexpr unsigned kPackets = 8;

  Talks(Gateway& gateway, uint32_t wave);

  /// A wave of connections, of flow numbers that were not used before.
  void wave();
  uint32_t size() const { return size_; }
  /// Of one connection, from the waves since the last call.
  double cycles();

 private:
  void step(unsigned number, bool from_inside, const Template& frame, uint8_t flags);

  Gateway& gateway_;
  uint32_t size_;
  uint32_t next_ = 0;  ///< flow
  std::vector<Cell> cells_;
  std::array<std::vector<double>, kPackets> windows_;  ///< by step: cycles a packet
  Template syn6_, syn4_, ack6_, data6_, data4_;
};

}  // namespace isthmus::bench
