// SPDX-License-Identifier: BSD-3-Clause
// A packet that is only thought of, on its way through one worker after the other.
//
// Theory of operation. The control core makes it and fills in the packet; workers take it on as
// the answer to a question, in the order in which a real packet would reach them. Memory is taken
// here, before, so that a worker's only cost is what it looks up.
#pragma once

#include <array>
#include <cstring>
#include <span>

#include "dataplane/prospect.h"
#include "dataplane/work.h"

namespace isthmus::dataplane {

struct Simulation {
  static constexpr uint32_t kMostBytes = 9216;
  static constexpr uint32_t kHeadroom = 128;

  // In.
  bool is_second_half = false;
  std::optional<InterfaceId> ingress;  ///< absent: where the way back to its sender leads
  bool to_group = false;               ///< its frame was sent to more than one station
  // In and out: `work.packet[0]`.
  Work work;
  // Out.
  Prospect prospect;
  std::optional<unsigned> elsewhere;  ///< the worker to ask instead

  /// `bytes` has at most kMostBytes.
  void set_packet(std::span<const uint8_t> bytes) {
    std::memcpy(room.data() + kHeadroom, bytes.data(), bytes.size());
    work.packet[0] = {room.data() + kHeadroom, static_cast<uint32_t>(bytes.size()), kHeadroom,
                      static_cast<uint16_t>(room.size() - kHeadroom - bytes.size())};
  }
  std::span<const uint8_t> packet() const { return {work.packet[0].data, work.packet[0].length}; }

  std::array<uint8_t, 2 * kHeadroom + kMostBytes> room;
};

}  // namespace isthmus::dataplane
